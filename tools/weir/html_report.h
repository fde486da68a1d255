// Reports for a browser: one file of HTML that holds all it shows and fetches
// nothing. Its parts lie in web/report/.
//
//   write_result(kName, "run.html", html_page("...", page_data(record)));
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "tools/weir/drill.h"
#include "tools/weir/load_compare.h"
#include "weir/load/load_record.h"

namespace weir::tools {

// What the page's script shows, as JSON.
std::string page_data(const load::LoadRecord& record);
std::string page_data(const DrillVerbOptions& options, const load::DrillResult& result);
std::string page_data(std::span<const ComparedSide> sides, std::span<const load::Comparison> comparisons,
                      std::string_view command);

// `data`: JSON, which may hold anything in its strings.
std::string html_page(std::string_view title, std::string_view data);

}  // namespace weir::tools
