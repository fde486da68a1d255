// Right files, and what a file is besides its values. The mistakes each value can
// have are in config_mistakes_test.cc.
#include "weir/service/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "weir/service/yaml_file.h"

namespace weir::service {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kShop = R"(service: shop-edge
listen: 127.0.0.1:8080
admin: 127.0.0.1:9090
bounds:
  inflight: { limit: 200, queue: { depth: 400, wait: 50ms }, because: "50 database connections, 4 requests share one" }
  tenant:   { key: "header:X-Tenant-ID", inflight: 20 }
upstreams:
  catalog:  { url: "http://127.0.0.1:9001", inflight: 50, timeout: 2s, because: "its pool" }
routes:
  - { match: "/v1/", upstream: catalog }
)";

std::string errors_of(const Parsed& parsed) { return parsed ? "none" : parsed.error().text(Colour::no); }

TEST(Config, HoldsWhatTheFileSays) {
  const Parsed parsed = parse_config("shop.yaml", kShop);
  ASSERT_TRUE(parsed) << errors_of(parsed);
  const GatewayConfig& config = parsed->config;
  EXPECT_EQ(config.service, "shop-edge");
  EXPECT_EQ(config.listen, (HostPort{"127.0.0.1", 8080}));
  EXPECT_EQ(config.admin, (HostPort{"127.0.0.1", 9090}));
  EXPECT_EQ(config.inflight,
            (InflightConfig{200, {400, 50ms}, "50 database connections, 4 requests share one"}));
  EXPECT_EQ(config.tenant, (TenantConfig{"X-Tenant-ID", 20, 100'000, ""}));
  ASSERT_EQ(config.upstreams.size(), 1u);
  EXPECT_EQ(config.upstreams[0].name, "catalog");
  EXPECT_EQ(config.upstreams[0].targets, (std::vector<TargetConfig>{{.url = {false, {"127.0.0.1", 9001}}}}));
  EXPECT_EQ(config.upstreams[0].inflight, 50u);
  EXPECT_EQ(config.upstreams[0].timeout, 2s);
  EXPECT_EQ(config.upstreams[0].because, "its pool");
  EXPECT_EQ(config.upstreams[0].connections.idle_max, 50u);  // as many as its bound
  ASSERT_EQ(config.routes.size(), 1u);
  EXPECT_EQ(config.routes[0], (RouteConfig{.match = "/v1/", .upstream = "catalog"}));
  EXPECT_EQ(config.server, ServerConfig{});
  EXPECT_EQ(config.drain, DrainConfig{});
  EXPECT_EQ(config.find_upstream("catalog"), &config.upstreams[0]);
  EXPECT_EQ(config.find_upstream("nobody"), nullptr);
}

TEST(Config, HoldsEverythingThatMayBeSaid) {
  const Parsed parsed = parse_config("full.yaml", R"(
service: a.b_c-1
listen: "[::1]:0"
admin: localhost:0
bounds:
  inflight:
    limit: 7
    because: x
  tenant: { key: header:tenant, inflight: 3, keys_max: 1000, because: y }
upstreams:
  b:
    url: embedded:demo
    inflight: 5
    timeout: 1h
    connections: { idle_max: 0, idle_timeout: 1ms, connect_timeout: 1m, lifetime: 24h, resolve: 1s }
    because: z
  a: { url: "http://[::1]/", inflight: 1, because: z }
routes: [{ match: /, upstream: a }, { match: "/b", upstream: b }]
server:
  connections: 7
  header_bytes: 1KiB
  headers: 1
  target_bytes: 64
  body_bytes: 0
  header_timeout: 1ms
  body_grace: 2ms
  body_rate: 3
  write_timeout: 4ms
  idle_timeout: 1h
drain: { deadline: 0, readiness_delay: 5m }
)");
  ASSERT_TRUE(parsed) << errors_of(parsed);
  EXPECT_EQ(parsed->warnings.text(Colour::no), "");
  const GatewayConfig& config = parsed->config;
  EXPECT_EQ(config.listen.text(), "[::1]:0");
  EXPECT_EQ(config.inflight, (InflightConfig{7, {0, 50ms}, "x"}));
  EXPECT_EQ(config.tenant, (TenantConfig{"tenant", 3, 1000, "y"}));
  ASSERT_EQ(config.upstreams.size(), 2u);  // in the order of the file
  EXPECT_EQ(config.upstreams[0], (UpstreamConfig{.name = "b",
                                                 .targets = {{.url = {true, {}}}},
                                                 .inflight = 5,
                                                 .timeout = 1h,
                                                 .connections = {0, 1ms, 1min, 24h, 1s},
                                                 .because = "z"}));
  EXPECT_EQ(config.upstreams[1], (UpstreamConfig{.name = "a",
                                                 .targets = {{.url = {false, {"::1", 80}}}},
                                                 .inflight = 1,
                                                 .timeout = 10s,
                                                 .connections = {1, 30s, 1500ms, 5min},
                                                 .because = "z"}));
  EXPECT_EQ(config.routes,
            (std::vector<RouteConfig>{{.match = "/", .upstream = "a"}, {.match = "/b", .upstream = "b"}}));
  EXPECT_EQ(config.server,
            (ServerConfig{7, kibibytes(1), 1, Bytes{64}, Bytes{0}, 1ms, 2ms, Bytes{3}, 4ms, 1h}));
  EXPECT_EQ(config.drain, (DrainConfig{0s, 5min}));
}

TEST(Config, TakesAByteOrderMarkAndDosLineEndsForGranted) {
  std::string text = "\xEF\xBB\xBF";
  for (const char c : kShop) text += c == '\n' ? std::string("\r\n") : std::string(1, c);
  const Parsed parsed = parse_config("f", text);
  ASSERT_TRUE(parsed) << errors_of(parsed);
  EXPECT_EQ(parsed->config, parse_config("f", kShop)->config);
}

TEST(Config, IsRefusedWhereTheFileIsNoText) {
  EXPECT_EQ(errors_of(parse_config("f", "a: 1\nb: \xff\n")),
            "f:2:4: error: byte 0xff is not UTF-8; save the file as UTF-8\n");
  EXPECT_EQ(errors_of(parse_config("f",
                                   "\x7f"
                                   "ELF\x02")),
            "f:1:1: error: control byte 0x7f in the file; a configuration is plain text\n");
}

TEST(Config, IsRefusedWhereItIsEmptyOrNoMap) {
  constexpr const char* kHint = "; weir serve --print-config prints one to start from\n";
  EXPECT_EQ(errors_of(parse_config("f", "")), std::string("f:1:1: error: the file is empty") + kHint);
  EXPECT_THAT(errors_of(parse_config("f", "# nothing yet\n")), StartsWith("f:1:1: error: the file is empty"));
  EXPECT_THAT(errors_of(parse_config("f", "---\n")), StartsWith("f:2:1: error: the file is empty"));
  EXPECT_THAT(errors_of(parse_config("f", "- a\n- b\n")),
              StartsWith("f:1:1: error: the file is no map of keys"));
  EXPECT_THAT(errors_of(parse_config("f", "\nhello\n")),
              StartsWith("f:2:1: error: the file is no map of keys"));
}

TEST(Config, IsRefusedWhereItIsLargerThanAMebibyte) {
  std::string text(kShop);
  text += '#' + std::string(kYamlBytesMax.count - text.size() - 2, 'x') + '\n';
  ASSERT_EQ(text.size(), kYamlBytesMax.count);
  EXPECT_TRUE(parse_config("f", text));
  EXPECT_EQ(errors_of(parse_config("f", text + "\n")),
            "f: error: larger than 1 MiB; such a file is some lines long: is it the right one?\n");
}

class ConfigFile : public testing::Test {
 protected:
  // A folder of its own, gone with the test.
  ConfigFile() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir_config_XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~ConfigFile() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, std::string_view text) const {
    const std::string path = folder_ / name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  std::filesystem::path folder_;
};

TEST_F(ConfigFile, IsReadAndNamedInMessages) {
  const Parsed right = load_config(write("right.yaml", kShop));
  ASSERT_TRUE(right) << errors_of(right);
  EXPECT_EQ(right->config.service, "shop-edge");
  EXPECT_THAT(right->warnings.text(Colour::no),
              StartsWith((folder_ / "right.yaml").string() + ":6:3: warning: "));
  const std::string wrong = write("wrong.yaml", "servce: x\n");
  EXPECT_THAT(errors_of(load_config(wrong)), HasSubstr(wrong + ":1:1: error: unknown key \"servce\""));
}

TEST_F(ConfigFile, ThatCannotBeReadIsAMistakeLikeAnother) {
  const std::string missing = folder_ / "missing.yaml";
  EXPECT_EQ(errors_of(load_config(missing)),
            missing + ": error: cannot be read: No such file or directory; is the path right?\n");
  EXPECT_EQ(errors_of(load_config(folder_)),
            folder_.string() + ": error: cannot be read: Is a directory; name a file\n");
}

TEST_F(ConfigFile, ThatHasNoEndIsLeftAtTheLimit) {
  EXPECT_EQ(errors_of(load_config("/dev/zero")),
            "/dev/zero: error: larger than 1 MiB; such a file is some lines long: is it the right one?\n");
}

TEST_F(ConfigFile, MayBeAPipe) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(::write(ends[1], kShop.data(), kShop.size()), static_cast<ssize_t>(kShop.size()));
  close(ends[1]);
  const Parsed parsed = load_config("/dev/fd/" + std::to_string(ends[0]));
  close(ends[0]);
  EXPECT_TRUE(parsed) << errors_of(parsed);
}

}  // namespace
}  // namespace weir::service
