#include "weir/http/request_id.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace weir::http {
namespace {

TEST(RequestId, ThatIsMadeIsWellFormedAndNoOther) {
  std::set<std::string, std::less<>> seen;
  for (int i = 0; i < 10'000; ++i) {
    const RequestId id = RequestId::make();
    EXPECT_EQ(id.text().size(), 32u);
    EXPECT_TRUE(RequestId::parse(id.text()));
    EXPECT_TRUE(seen.emplace(id.text()).second);
  }
}

TEST(RequestId, ThatComesIsTakenWhereItCanHarmNobody) {
  for (const char* text :
       {"a", "4b2f-11", "Root=1-67891233-abcdef012345678912345678", "user@host:1", "a/b+c~d_e."}) {
    ASSERT_TRUE(RequestId::parse(text)) << text;
    EXPECT_EQ(RequestId::parse(text)->text(), text);
  }
  EXPECT_TRUE(RequestId::parse(std::string(64, 'x')));
  for (const std::string& text :
       {std::string(), std::string(65, 'x'), std::string("a b"), std::string("a\"b"), std::string("a\nb"),
        std::string("\xC3\xA4"), std::string("a;b"), std::string("$(x)"), std::string("a\0b", 3)}) {
    EXPECT_FALSE(RequestId::parse(text)) << text;
  }
}

}  // namespace
}  // namespace weir::http
