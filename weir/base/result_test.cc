#include "weir/base/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string_view>
#include <type_traits>

namespace weir {
namespace {

// Refusals are made and thrown away by the million: nothing in one may allocate.
static_assert(std::is_trivially_copyable_v<Error>);
static_assert(std::is_nothrow_default_constructible_v<Error>);

TEST(Error, SaysWhatWhyAndWhere) {
  const Error error{.kind = ErrorKind::overloaded, .reason = Reason::queue_full, .where = "inflight"};
  EXPECT_EQ(error.message(), "overloaded: queue_full at inflight");
}

TEST(Error, LeavesOutWhatItDoesNotKnow) {
  EXPECT_EQ(Error{.kind = ErrorKind::cancelled}.message(), "cancelled");
}

TEST(Error, SpellsOutTheSystemsCode) {
  const std::string message = system_error(ECONNREFUSED, "connect").message();
  EXPECT_EQ(message, "disconnected: refused at connect (Connection refused)");
}

TEST(SystemError, SortsCodesByWhatTheCallerShouldDo) {
  const auto kind = [](int code) { return system_error(code, "call").kind; };
  EXPECT_EQ(kind(ECONNREFUSED), ErrorKind::disconnected);
  EXPECT_EQ(kind(ECONNRESET), ErrorKind::disconnected);
  EXPECT_EQ(kind(EPIPE), ErrorKind::disconnected);
  EXPECT_EQ(kind(EHOSTUNREACH), ErrorKind::disconnected);
  EXPECT_EQ(kind(EMFILE), ErrorKind::overloaded);
  EXPECT_EQ(kind(ENOMEM), ErrorKind::overloaded);
  EXPECT_EQ(kind(EINVAL), ErrorKind::internal);
}

TEST(SystemError, KeepsTheCodeAndThePlace) {
  const Error error = system_error(EMFILE, "accept");
  EXPECT_EQ(error.system_code, EMFILE);
  EXPECT_EQ(error.where, "accept");
  EXPECT_EQ(error.reason, Reason::system);
}

TEST(Fail, MakesAResultThatHoldsTheError) {
  const auto refused = []() -> Result<int> {
    return fail(ErrorKind::deadline, Reason::queue_wait, "tenant");
  }();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::deadline);
  EXPECT_EQ(refused.error().reason, Reason::queue_wait);
  EXPECT_EQ(refused.error().where, "tenant");
}

TEST(ToString, GivesEachKindAndReasonAWordOfItsOwn) {
  std::set<std::string_view> words;
  for (int i = 0; i <= static_cast<int>(ErrorKind::internal); ++i)
    words.insert(to_string(static_cast<ErrorKind>(i)));
  EXPECT_EQ(words.size(), static_cast<std::size_t>(ErrorKind::internal) + 1);
  EXPECT_FALSE(words.contains("unknown"));
  words.clear();
  for (int i = 0; i <= static_cast<int>(Reason::system); ++i) words.insert(to_string(static_cast<Reason>(i)));
  EXPECT_EQ(words.size(), static_cast<std::size_t>(Reason::system) + 1);
  EXPECT_FALSE(words.contains("unknown"));
}

}  // namespace
}  // namespace weir
