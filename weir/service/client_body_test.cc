#include "weir/service/client_body.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/simulation.h"

namespace weir::service {
namespace {

// Gives its pieces, then its end, or breaks.
class Pieces final : public http::BodySource {
 public:
  Pieces(std::vector<std::string> pieces, std::optional<std::uint64_t> length, bool breaks = false)
      : pieces_(std::move(pieces)), length_(length), breaks_(breaks) {}
  core::task<Result<std::span<const std::byte>>> next(core::Context&) override {
    if (at_ < pieces_.size()) co_return std::as_bytes(std::span(pieces_[at_++]));
    if (breaks_) co_return fail(ErrorKind::disconnected, Reason::closed);
    co_return std::span<const std::byte>();
  }
  std::optional<std::uint64_t> length() const override { return length_; }
  const http::Headers* trailers() const override { return nullptr; }

 private:
  const std::vector<std::string> pieces_;
  const std::optional<std::uint64_t> length_;
  const bool breaks_;
  std::size_t at_ = 0;
};

void run(const std::function<core::task<>(core::Context&)>& body) {
  core::Simulation simulation({.seed = 1});
  core::Runtime runtime({.processors = 1, .simulation = &simulation});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> { co_await body(root.context()); }));
}

core::task<> read(core::Context& context, ClientBody& body, int pieces) {
  for (int i = 0; i < pieces; ++i) (void)co_await body.next(context);
}

TEST(ClientBody, GivesBackWhatWasReadOfItAndGoesOnBehindIt) {
  run([](core::Context& context) -> core::task<> {
    Pieces inner({"one ", "two ", "three"}, {});
    ClientBody body(inner);
    body.keep(100);
    co_await read(context, body, 2);
    EXPECT_EQ(body.kept(), nullptr) << "it has not come whole";
    EXPECT_EQ(body.take_back(), "one two ");
    EXPECT_EQ((co_await body.next(context))->size(), 5u);
    EXPECT_EQ(body.take_back(), std::nullopt) << "nothing is copied any more";
  });
}

TEST(ClientBody, ThatWasNotReadGivesNothingBack) {
  Pieces inner({"x"}, 1);
  ClientBody body(inner);
  EXPECT_EQ(body.take_back(), "");
}

TEST(ClientBody, ThatWasReadWithoutBeingKeptIsGone) {
  run([](core::Context& context) -> core::task<> {
    Pieces inner({"x", "y"}, 2);
    ClientBody body(inner);
    co_await read(context, body, 1);
    EXPECT_EQ(body.take_back(), std::nullopt);
    Pieces other({"x", "y"}, 2);
    ClientBody forgotten(other);
    forgotten.keep(2);
    co_await read(context, forgotten, 1);
    forgotten.forget();
    EXPECT_EQ(forgotten.take_back(), std::nullopt);
  });
}

TEST(ClientBody, LargerThanMayBeKeptIsGone) {
  run([](core::Context& context) -> core::task<> {
    Pieces inner({"abc", "de"}, {});
    ClientBody body(inner);
    body.keep(4);
    co_await read(context, body, 2);
    EXPECT_EQ(body.take_back(), std::nullopt);
    Pieces announced({"abcde"}, 5);
    ClientBody never(announced);
    never.keep(4);
    EXPECT_EQ(never.take_back(), "") << "none of it has been read";
    co_await read(context, never, 1);
    EXPECT_EQ(never.take_back(), std::nullopt);
  });
}

TEST(ClientBody, KeepsForTheOneWhoAsksForMost) {
  run([](core::Context& context) -> core::task<> {
    Pieces inner({"abc", "de"}, 5);
    ClientBody body(inner);
    body.keep(4);
    body.keep(5);
    body.keep(1);
    co_await read(context, body, 2);
    EXPECT_NE(body.kept(), nullptr);
    EXPECT_EQ(*body.kept(), "abcde");
  });
}

TEST(ClientBody, ThatBrokeIsNotGivenBack) {
  run([](core::Context& context) -> core::task<> {
    Pieces inner({"abc"}, 5, true);
    ClientBody body(inner);
    body.keep(5);
    co_await read(context, body, 2);
    EXPECT_TRUE(body.failed());
    EXPECT_EQ(body.take_back(), std::nullopt);
  });
}

}  // namespace
}  // namespace weir::service
