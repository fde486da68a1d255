#include "weir/load/inflight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace weir::load {
namespace {

using testing::HasSubstr;

InflightGround plenty() {
  return {.descriptors_max = 10'000'000,
          .descriptors_open = 10,
          .ports = 28'232,
          .memory = Bytes{std::uint64_t{1} << 40}};
}

TEST(Inflight, DescriptorsAllowHalfOfWhatIsNotOpenOrSpare) {
  InflightGround ground = plenty();
  ground.descriptors_max = 20'000;
  const InflightBound bound = inflight_bound(ground);
  EXPECT_EQ(bound.by_descriptors, (20'000u - 10u - 64u) / 2u);
  EXPECT_EQ(bound.least(), bound.by_descriptors);
  EXPECT_EQ(bound.narrowest(), "descriptors");
  EXPECT_THAT(bound.text(), HasSubstr("descriptors: (20000 - 10 open - 64 spare) / 2 a call = 9963\n"));
}

TEST(Inflight, PortsAllowAllButASixteenthOnEachAddress) {
  const InflightBound bound = inflight_bound(plenty());
  EXPECT_EQ(bound.by_ports, (28'232u - 1'764u) * kAddressesMax);
  EXPECT_EQ(bound.narrowest(), "ports");
}

TEST(Inflight, MemoryAllowsWhatItHolds) {
  InflightGround ground = plenty();
  ground.memory = Bytes{1000 * kCallBytes.count + 1};
  const InflightBound bound = inflight_bound(ground);
  EXPECT_EQ(bound.least(), 1000u);
  EXPECT_EQ(bound.narrowest(), "memory");
}

TEST(Inflight, NothingIsLeftWhereMoreIsOpenThanMayBe) {
  InflightGround ground = plenty();
  ground.descriptors_max = 50;
  EXPECT_EQ(inflight_bound(ground).least(), 0u);
}

TEST(Inflight, AnAddressMoreIsUsedWhenTheFirstHasNoPortsLeft) {
  EXPECT_EQ(addresses_for(1, 16'000), 1u);
  EXPECT_EQ(addresses_for(15'000, 16'000), 1u);
  EXPECT_EQ(addresses_for(15'001, 16'000), 2u);
  EXPECT_EQ(addresses_for(1'000'000'000, 16'000), kAddressesMax);
  EXPECT_EQ(addresses_for(10, 0), 10u) << "nothing says how many there are";
}

TEST(Inflight, TheGroundIsReadFromTheSystem) {
  const std::string root = testing::TempDir() + "weir_inflight/";
  std::filesystem::remove_all(root);
  std::filesystem::create_directories(root + "proc/self/fd");
  std::filesystem::create_directories(root + "proc/sys/net/ipv4");
  for (const char* name : {"0", "1", "2"}) std::ofstream(root + "proc/self/fd/" + name) << "";
  std::ofstream(root + "proc/sys/net/ipv4/ip_local_port_range") << "40000\t40999\n";
  const InflightGround ground = read_inflight_ground(mebibytes(5), root);
  EXPECT_EQ(ground.descriptors_open, 3u);
  EXPECT_EQ(ground.ports, 1000u);
  EXPECT_EQ(ground.memory, mebibytes(5));
  EXPECT_GT(ground.descriptors_max, 0u);
  EXPECT_EQ(read_inflight_ground(mebibytes(5), root + "nowhere/").ports, 28'232u);
}

TEST(Inflight, TheLimitOfDescriptorsIsRaisedToTheHardOne) {
  ASSERT_TRUE(raise_descriptor_limit());
  const std::uint64_t raised = read_inflight_ground(Bytes{}).descriptors_max;
  ASSERT_TRUE(raise_descriptor_limit());
  EXPECT_EQ(read_inflight_ground(Bytes{}).descriptors_max, raised);
}

}  // namespace
}  // namespace weir::load
