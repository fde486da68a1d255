#include "weir/bounds/proof.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "weir/base/rng.h"
#include "weir/bounds/bound.h"
#include "weir/bounds/internal/demand.h"
#include "weir/bounds/keyed_bound.h"
#include "weir/bounds/keyed_rate.h"

namespace weir::bounds {
namespace {

using internal::DemandLine;
using testing::ElementsAre;
using testing::HasSubstr;

const Proof::Part& part_of(const Proof& proof, Resource resource, std::string_view peer = {}) {
  const auto found = std::ranges::find_if(
      proof.parts, [&](const Proof::Part& part) { return part.resource == resource && part.peer == peer; });
  EXPECT_NE(found, proof.parts.end());
  return *found;
}

Proof::Shrink shrink_of(const Proof& proof, Resource resource, std::string_view name, bool queue = false) {
  for (const Proof::Shrink& shrink : part_of(proof, resource).shrinks) {
    if (shrink.name == name && shrink.queue == queue) return shrink;
  }
  ADD_FAILURE() << name << " is not among those to shrink";
  return {};
}

TEST(Proof, AddsUpWhatBoundsQueuesAndFixedCostsTake) {
  Ledger ledger;
  const Bound jobs(ledger, {.name = "jobs",
                            .limit = 100,
                            .queue_depth = 50,
                            .each = Bytes{1000},
                            .each_queued = Bytes{10},
                            .descriptors_each = 2});
  const Bound buffers(ledger, {.name = "buffers", .unit = Unit::bytes, .limit = 5000});
  const Bound connections(ledger, {.name = "connections", .unit = Unit::connections, .limit = 30});
  const Ledger::Cost stacks(ledger, {.name = "threads", .bytes = Bytes{800}, .threads = 4});
  const Proof proof = prove(ledger, {});
  EXPECT_EQ(part_of(proof, Resource::memory).demanded, 100'000u + 500 + 5000 + 800);
  EXPECT_EQ(part_of(proof, Resource::memory).fixed, 800u);
  EXPECT_EQ(part_of(proof, Resource::descriptors).demanded, 200u + 30);
  EXPECT_EQ(part_of(proof, Resource::threads).demanded, 4u);
  EXPECT_EQ(ledger.worst_case(), Bytes{106'300});
  EXPECT_THAT(proof.undeclared, ElementsAre("connections"));
  EXPECT_TRUE(proof.fits()) << "of nothing is it known how much there is";
  EXPECT_EQ(proof.refusal(), "");
  EXPECT_EQ(proof.warning(), "");
}

TEST(Proof, CountsWhatRunsUnderAParentAndAChildOnce) {
  Ledger ledger;
  const Bound all(ledger, {.name = "all", .limit = 10, .each = Bytes{100}});
  const Bound dear(ledger, {.name = "dear", .limit = 4, .parent = &all, .each = Bytes{1000}});
  const Bound cheap(ledger, {.name = "cheap", .limit = 10, .parent = &all, .each = Bytes{50}});
  const Bound silent(ledger, {.name = "silent", .limit = 10, .parent = &all});
  // 4 of the 10 may be dear; the others take what the parent says at most.
  const Proof proof = prove(ledger, {});
  const Proof::Part& memory = part_of(proof, Resource::memory);
  EXPECT_EQ(memory.demanded, 4u * 1000 + 6 * 100);
  ASSERT_EQ(memory.lines.size(), 2u);
  EXPECT_EQ(memory.lines[0].name, "dear");
  EXPECT_EQ(memory.lines[0].units, 4u);
  EXPECT_EQ(memory.lines[0].under, "all");
  EXPECT_EQ(memory.lines[1].name, "all");
  EXPECT_EQ(memory.lines[1].units, 6u);
}

TEST(Proof, AllowsChildrenNoMoreUnitsThanTheirParentHas) {
  Ledger ledger;
  const Bound all(ledger, {.name = "all", .limit = 10});
  const Bound a(ledger, {.name = "a", .limit = 8, .parent = &all, .each = Bytes{1000}});
  const Bound b(ledger, {.name = "b", .limit = 8, .parent = &all, .each = Bytes{10}});
  EXPECT_EQ(prove(ledger, {}).parts.front().demanded, 8u * 1000 + 2 * 10);
}

TEST(Proof, AKeyedBoundUnderAParentTakesNoMoreThanItsParentAllows) {
  Ledger ledger;
  const Bound all(ledger, {.name = "all", .limit = 100});
  const KeyedBound tenants(
      ledger, {.name = "tenant", .limit = 20, .keys_max = 1000, .parent = &all, .each = Bytes{1 << 20}});
  const Proof proof = prove(ledger, {});
  EXPECT_EQ(part_of(proof, Resource::memory).lines.front().held, 100u << 20);
  Ledger free_ledger;
  const KeyedBound free(free_ledger,
                        {.name = "tenant", .limit = 20, .keys_max = 1000, .each = Bytes{1 << 20}});
  const Proof of_free = prove(free_ledger, {});
  EXPECT_EQ(part_of(of_free, Resource::memory).lines.front().held, 20'000ull << 20);
}

TEST(Proof, AQueueUnderAParentHoldsNoMoreThanTheParentsUnits) {
  Ledger ledger;
  const Bound all(ledger, {.name = "all", .limit = 10});
  const Bound child(
      ledger, {.name = "child", .limit = 5, .queue_depth = 1000, .parent = &all, .each_queued = Bytes{100}});
  EXPECT_EQ(prove(ledger, {}).parts.front().demanded, 10u * 100);
}

TEST(Proof, SumsPortsByTheAddressTheyLeadTo) {
  Ledger ledger;
  const Bound a(ledger, {.name = "a", .limit = 20'000, .ports_each = 1, .ports_to = {"10.0.0.7:80"}});
  const Bound b(ledger, {.name = "b", .limit = 5'000, .ports_each = 2, .ports_to = {"10.0.0.7:80"}});
  const Bound c(ledger, {.name = "c", .limit = 28'000, .ports_each = 1, .ports_to = {"10.0.0.8:80"}});
  const Proof proof = prove(ledger, {.ports = 28'232});
  EXPECT_EQ(part_of(proof, Resource::ports, "10.0.0.7:80").demanded, 30'000u);
  EXPECT_FALSE(part_of(proof, Resource::ports, "10.0.0.7:80").fits());
  EXPECT_TRUE(part_of(proof, Resource::ports, "10.0.0.8:80").fits());
  EXPECT_THAT(proof.refusal(), HasSubstr("ports to 10.0.0.7:80: at worst 30000, there is 28232"));
}

TEST(Proof, CountsPortsOfAllThatMayGoToAnyOfSeveralAddresses) {
  Ledger ledger;
  const Bound a(ledger,
                {.name = "a", .limit = 20'000, .ports_each = 1, .ports_to = {"10.0.0.7:80", "10.0.0.8:80"}});
  const Bound b(ledger, {.name = "b", .limit = 9'000, .ports_each = 1, .ports_to = {"10.0.0.8:80"}});
  const Proof proof = prove(ledger, {.ports = 28'232});
  EXPECT_EQ(part_of(proof, Resource::ports, "10.0.0.7:80").demanded, 20'000u);
  EXPECT_EQ(part_of(proof, Resource::ports, "10.0.0.8:80").demanded, 29'000u);
  EXPECT_THAT(proof.refusal(), HasSubstr("ports to 10.0.0.8:80: at worst 29000, there is 28232"));
}

TEST(Proof, SaysWhichLimitsToLowerAndToWhat) {
  Ledger ledger;
  const Bound jobs(ledger, {.name = "jobs", .limit = 1000, .each = Bytes{1000}});
  const Bound queue(ledger, {.name = "queue", .limit = 1, .queue_depth = 3000, .each_queued = Bytes{100}});
  const Bound small(ledger, {.name = "small", .limit = 10, .each = Bytes{1}});
  const Proof proof = prove(ledger, {.memory = Bytes{800'000}});
  ASSERT_FALSE(proof.fits());
  const Proof::Shrink of_jobs = shrink_of(proof, Resource::memory, "jobs");
  EXPECT_EQ(of_jobs.from, 1000u);
  EXPECT_EQ(of_jobs.alone, 499u) << "800000 - 300000 - 10, in units of 1000";
  EXPECT_EQ(shrink_of(proof, Resource::memory, "queue", true).alone, 0u);
  EXPECT_EQ(shrink_of(proof, Resource::memory, "small").alone, 0u);

  // All lowered together, it fits.
  std::uint64_t takes = 0;
  for (const Proof::Shrink& shrink : part_of(proof, Resource::memory).shrinks) {
    const std::uint64_t each = shrink.name == "jobs" ? 1000 : shrink.name == "queue" ? 100 : 1;
    EXPECT_LT(shrink.together, shrink.from);
    takes += shrink.together * each;
  }
  EXPECT_LE(takes, 800'000u);
  EXPECT_GT(takes, 790'000u) << "and no more is taken away than must be";
  EXPECT_THAT(proof.refusal(), HasSubstr("jobs limit 1000, takes"));
  EXPECT_THAT(proof.refusal(), HasSubstr("499 would be enough alone"));
  EXPECT_THAT(proof.warning(), HasSubstr("WARNING"));
}

TEST(Proof, SaysWhichChildrenComeDownWithTheirParent) {
  Ledger ledger;
  const Bound all(ledger, {.name = "all", .limit = 100, .each = Bytes{10}});
  const Bound big(ledger, {.name = "big", .limit = 90, .parent = &all});
  const Bound little(ledger, {.name = "little", .limit = 10, .parent = &all});
  const Proof proof = prove(ledger, {.memory = Bytes{500}});
  EXPECT_EQ(shrink_of(proof, Resource::memory, "all").alone, 50u);
  EXPECT_THAT(shrink_of(proof, Resource::memory, "all").with, ElementsAre("big"));
}

TEST(Proof, SaysWhenFixedCostsAloneAreTooMuch) {
  Ledger ledger;
  const Bound jobs(ledger, {.name = "jobs", .limit = 10, .each = Bytes{1}});
  const Ledger::Cost cache(ledger, {.name = "cache", .bytes = Bytes{2000}});
  const Proof proof = prove(ledger, {.memory = Bytes{1000}});
  EXPECT_EQ(shrink_of(proof, Resource::memory, "jobs").alone, 0u);
  EXPECT_EQ(shrink_of(proof, Resource::memory, "jobs").together, 0u);
  EXPECT_THAT(proof.refusal(), HasSubstr("fixed costs alone are 2.0 KiB: no limit makes up for that"));
}

TEST(Proof, LeavesAShareWhereItIsToldTo) {
  Ledger ledger;
  const Bound jobs(ledger, {.name = "jobs", .limit = 95, .each = Bytes{10}});
  EXPECT_TRUE(prove(ledger, {.memory = Bytes{1000}}).fits());
  EXPECT_FALSE(prove(ledger, {.memory = Bytes{1000}}, {.share_max = 0.9}).fits());
}

TEST(Proof, DoesNotOverflow) {
  Ledger ledger;
  const Bound huge(ledger, {.name = "huge", .limit = 1ull << 62, .each = Bytes{1ull << 62}});
  const Bound other(ledger, {.name = "other", .limit = 1ull << 62, .each = Bytes{1ull << 62}});
  const Proof proof = prove(ledger, {.memory = Bytes{1000}});
  EXPECT_EQ(proof.parts.front().demanded, UINT64_MAX);
  EXPECT_EQ(shrink_of(proof, Resource::memory, "huge").alone, 0u);
}

TEST(Proof, IsATableWithAlignedColumns) {
  Ledger ledger;
  const Bound jobs(ledger,
                   {.name = "jobs", .limit = 1000, .because = "a job for each core", .each = Bytes{2048}});
  const Ledger::Cost cache(ledger, {.name = "cache", .bytes = kibibytes(48), .because = "measured"});
  Machine machine;
  machine.memory = mebibytes(1);
  machine.threads = 100;
  EXPECT_EQ(prove(ledger, machine).table(),
            "at worst                     demanded  available   share\n"
            "memory                        2.0 MiB    1.0 MiB  200.0%  DOES NOT FIT\n"
            "  jobs       1000 x 2.0 KiB   2.0 MiB                     a job for each core\n"
            "  cache               fixed  48.0 KiB                     measured\n"
            "descriptors                         0    unknown       ?\n"
            "threads                             0        100    0.0%\n");
}

TEST(Proof, IsDataAsJson) {
  Ledger ledger;
  const Bound jobs(ledger, {.name = "jobs \"a\"", .limit = 2, .each = Bytes{10}});
  const Proof proof = prove(ledger, {.memory = Bytes{15}});
  EXPECT_THAT(
      proof.json(),
      testing::StartsWith(
          R"({"fits":false,"resources":[{"resource":"memory","demanded":20,"available":15,"fixed":0,"fits":false,"available_from":"given","lines":[{"name":"jobs \"a\"","fixed":false,"units":2,"each":10,"held":20,"queued":0,"own":0,"total":20,"because":""}],"shrink":[{"name":"jobs \"a\"","what":"limit","from":2,"alone":1,"together":1,"takes":20,"with":[]}]})"));
  EXPECT_THAT(proof.json(), HasSubstr("\"undeclared\":[]"));
}

TEST(Proof, OfAChangedCostIsAnother) {
  Ledger ledger;
  Ledger::Cost slabs(ledger, {.name = "slabs", .bytes = Bytes{10}, .because = "declared"});
  slabs.change(Bytes{20}, 3, 1);
  EXPECT_EQ(prove(ledger, {}).parts.front().demanded, 20u);
  EXPECT_EQ(part_of(prove(ledger, {}), Resource::descriptors).demanded, 3u);
}

// The dearest way to give out units of a forest of bounds, by trying all.
class Exhaustive {
 public:
  explicit Exhaustive(std::vector<DemandLine> lines) : lines_(std::move(lines)), used_(lines_.size()) {}

  std::uint64_t dearest() { return from(0, 0); }

 private:
  // Things that hold a unit of `line` and of all that it stands under.
  std::uint64_t from(std::size_t line, std::uint64_t sum) {
    if (line == lines_.size()) return sum;
    std::uint64_t best = from(line + 1, sum);
    if (!take(line, 1)) return best;
    std::uint64_t each = 0;
    for (std::size_t at = line; at != DemandLine::kNoParent; at = lines_[at].parent)
      each = std::max(each, lines_[at].each);
    best = std::max(best, from(line, sum + each));
    take(line, -1);
    return best;
  }
  bool take(std::size_t line, int units) {
    for (std::size_t at = line; at != DemandLine::kNoParent; at = lines_[at].parent) {
      if (units > 0 && used_[at] == lines_[at].limit) return false;
    }
    for (std::size_t at = line; at != DemandLine::kNoParent; at = lines_[at].parent)
      used_[at] += static_cast<std::uint64_t>(units);
    return true;
  }

  std::vector<DemandLine> lines_;
  std::vector<std::uint64_t> used_;
};

TEST(Proof, IsTheWorstCaseAsTryingAllCasesShows) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Xoshiro rng(seed);
    std::vector<DemandLine> lines(1 + below(rng, 4));
    for (std::size_t i = 0; i < lines.size(); ++i) {
      lines[i] = {.limit = 1 + below(rng, 3), .each = below(rng, 5)};
      if (i > 0 && below(rng, 4) != 0) lines[i].parent = below(rng, i);
    }
    EXPECT_EQ(internal::worst_case_of(lines), Exhaustive(lines).dearest()) << "seed " << seed;
  }
}

class Root : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              ("weir_machine_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories((folder_ / path).parent_path());
    std::ofstream(folder_ / path) << text;
  }
  std::string root() const { return folder_.string() + "/"; }

  std::filesystem::path folder_;
};

TEST_F(Root, TellsPortsLessThoseReserved) {
  write("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n");
  write("proc/sys/net/ipv4/ip_local_reserved_ports", "8080,40000-40009,60999-61010\n");
  EXPECT_EQ(Machine::read(root()).ports, 28'232u - 10 - 1);
}

TEST_F(Root, TellsMemoryAndThreadsOfAControlGroupV2) {
  write("proc/meminfo", "MemTotal:       1048576 kB\n");
  write("proc/self/cgroup", "0::/a/b\n");
  write("proc/sys/kernel/threads-max", "100000\n");
  write("sys/fs/cgroup/a/memory.max", "268435456\n");
  write("sys/fs/cgroup/a/memory.current", "1\n");
  write("sys/fs/cgroup/a/pids.max", "120\n");
  write("sys/fs/cgroup/a/b/pids.max", "max\n");
  const Machine machine = Machine::read(root());
  EXPECT_EQ(machine.memory, mebibytes(256));
  EXPECT_EQ(machine.threads, 120u);
  EXPECT_EQ(machine.threads_from, "pids.max of its control group");
}

TEST_F(Root, TellsMemoryAndThreadsOfAControlGroupV1) {
  write("proc/meminfo", "MemTotal:       1048576 kB\n");
  write("proc/self/cgroup", "5:pids:/nowhere\n4:memory:/nowhere\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n");
  write("sys/fs/cgroup/memory/memory.usage_in_bytes", "1\n");
  write("sys/fs/cgroup/pids/pids.max", "77\n");
  const Machine machine = Machine::read(root());
  EXPECT_EQ(machine.memory, mebibytes(128));
  EXPECT_EQ(machine.threads, 77u);
}

TEST_F(Root, TellsNothingWhereNothingSays) {
  const Machine machine = Machine::read(root());
  EXPECT_FALSE(machine.memory);
  EXPECT_FALSE(machine.ports);
}

TEST(Machine, OfThisOneTellsMemoryPortsAndThreads) {
  const Machine machine = Machine::read();
  EXPECT_TRUE(machine.memory);
  EXPECT_TRUE(machine.threads);
}

}  // namespace
}  // namespace weir::bounds
