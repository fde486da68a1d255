#include "weir/load/request_mix.h"

#include <gtest/gtest.h>

#include <array>

namespace weir::load {
namespace {

TEST(RequestMix, KindsArePickedAsOftenAsTheirWeightsSay) {
  const RequestMix mix(
      {{.name = "a", .weight = 1}, {.name = "b", .weight = 2.5}, {.name = "c", .weight = 0.5}});
  Xoshiro rng(11);
  std::array<int, 3> picked{};
  for (int i = 0; i < 40'000; ++i) ++picked[mix.pick(rng).kind];
  // Five deviations; the seed is fixed.
  EXPECT_NEAR(picked[0], 10'000, 433);
  EXPECT_NEAR(picked[1], 25'000, 484);
  EXPECT_NEAR(picked[2], 5'000, 331);
}

TEST(RequestMix, AKindWithAPlaceholderAnywhereIsNotConstant) {
  const TemplateText hole = TemplateText::parse("{{n}}").value();
  EXPECT_TRUE(RequestKind{}.constant());
  EXPECT_FALSE(RequestKind{.target = hole}.constant());
  EXPECT_FALSE(RequestKind{.body = hole}.constant());
  EXPECT_FALSE((RequestKind{.headers = {{"X", hole}}}).constant());
}

TEST(RequestMix, LabelsAreChosenApartFromKinds) {
  const RequestMix mix({{.name = "a"}, {.name = "b"}},
                       {{.name = "tenant", .header = "X-Tenant", .values = {{"acme", 3}, {"initech", 1}}},
                        {.name = "priority", .header = "X-Priority", .values = {{"high", 1}}}});
  Xoshiro rng(12);
  std::array<std::array<int, 2>, 2> picked{};
  for (int i = 0; i < 40'000; ++i) {
    const RequestMix::Pick pick = mix.pick(rng);
    ++picked[pick.kind][pick.values[0]];
    EXPECT_EQ(pick.values[1], 0);
  }
  for (const auto& of_kind : picked) {
    EXPECT_NEAR(of_kind[0], 15'000, 485);
    EXPECT_NEAR(of_kind[1], 5'000, 331);
  }
}

}  // namespace
}  // namespace weir::load
