#include "weir/http/multipart.h"

#include <gtest/gtest.h>

#include "weir/http/in_memory.h"
#include "weir/http/router.h"

namespace weir::http {
namespace {

// Answers with what each part is.
core::task<Result<>> list(Exchange& exchange) {
  core::Context& context = exchange.context();
  Result<Multipart> form =
      Multipart::of(exchange.request().headers, exchange.body(), {.parts = 3, .part = Bytes{20}});
  if (!form) co_return std::unexpected(form.error());
  std::string seen;
  for (;;) {
    const Result<bool> more = co_await form->next(context);
    if (!more) co_return std::unexpected(more.error());
    if (!*more) break;
    const Multipart::Part& part = form->part();
    seen += part.name + "/" + part.filename + "/" + part.content_type;
    if (part.name != "skipped") {
      const Result<std::string> text = co_await form->text(context);
      if (!text) co_return std::unexpected(text.error());
      seen += "=" + *text;
      EXPECT_TRUE((co_await form->read(context))->empty());
    }
    seen += ";";
  }
  co_return co_await exchange.respond({}, seen);
}

InMemoryReply post(std::string body, std::string type = "multipart/form-data; boundary=B",
                   std::size_t piece = 5) {
  auto router = Router::make({{"POST /", list}});
  return ask(*router, {.method = "POST",
                       .headers = {{"Content-Type", std::move(type)}},
                       .body = std::move(body),
                       .body_piece = piece});
}

const std::string kForm =
    "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n"
    "--B\r\ncontent-disposition: form-data; filename=\"x \\\"y\\\".txt\"; name=skipped\r\n\r\nleft out\r\n"
    "--B\r\nContent-Disposition: form-data; name=\"c\"; filename=\"p.png\"\r\nContent-Type: image/png\r\n\r\n"
    "\r\n--\r\n\r\n--B--\r\n";

TEST(Multipart, IsReadPartByPart) {
  for (const std::size_t piece : {0, 1, 7, 64}) {
    EXPECT_EQ(post(kForm, "multipart/form-data; boundary=B", piece).body,
              "a//text/plain=one;skipped/x \"y\".txt/text/plain;c/p.png/image/png=\r\n--\r\n;");
  }
}

TEST(Multipart, TakesABoundaryInQuotes) {
  EXPECT_EQ(post("--a b\r\n\r\nx\r\n--a b--", "Multipart/Form-Data; charset=utf-8; Boundary=\"a b\"").body,
            "//text/plain=x;");
}

TEST(Multipart, IsRefusedWithAStatusThatSaysWhy) {
  EXPECT_EQ(post(kForm, "text/plain").status, 415);
  EXPECT_EQ(post(kForm, "multipart/form-data").status, 400);
  EXPECT_EQ(post(kForm, "multipart/form-data; boundary=\"a\\b\\c;\"").status, 400);
  EXPECT_EQ(post(kForm, "multipart/form-data; boundary=" + std::string(71, 'x')).status, 400);
  EXPECT_EQ(post(kForm.substr(0, kForm.size() - 9)).status, 400);  // ends too soon
  EXPECT_EQ(post("").status, 400);
  EXPECT_EQ(post("--B\r\n\r\n" + std::string(21, 'x') + "\r\n--B--").status, 413);
  EXPECT_EQ(post("--B\r\n\r\n\r\n--B\r\n\r\n\r\n--B\r\n\r\n\r\n--B\r\n\r\n\r\n--B--").status, 413);
}

}  // namespace
}  // namespace weir::http
