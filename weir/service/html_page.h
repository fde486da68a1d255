// The frame of the admin pages: one stylesheet, light and dark, no network.
#pragma once

#include <string>
#include <string_view>

#include "weir/base/clock.h"

namespace weir::service {

struct HtmlPage {
  std::string_view service;
  std::string_view title;
  Duration reload = {};  // 0: the page stays as it is; whole seconds
  // What whoever reads the page must know first; empty: nothing.
  std::string_view notice = {};
};

// `body` is HTML already.
std::string html_page(const HtmlPage& page, std::string_view body);

}  // namespace weir::service
