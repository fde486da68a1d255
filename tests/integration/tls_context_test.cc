// What a context of TLS holds: its files, read again while it is used, and tickets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "tests/integration/tls_pair.h"
#include "weir/net/tls.h"

namespace weir::testing {
namespace {

using core::Context;
using core::task;
using net::Socket;
using ::testing::HasSubstr;
using ClientCertificate = net::TlsServerContext::ClientCertificate;
using TlsContext = TlsTest;

TEST_F(TlsContext, ASessionIsResumedByItsTicketUntilTheServerForgetsTheKey) {
  const auto client = client_context(client_options());
  const auto server = server_context(server_options());
  const auto resumed = [&](const net::TlsServerContext& at) {
    bool was = false;
    const Handshakes both =
        meet(*client, at, "localhost", [&](Context& context, Socket& near, Socket& far) -> task<> {
          was = near.tls_facts().resumed && far.tls_facts().resumed;
          co_await write_and_close(context, far, "the ticket comes before this");
          (void)co_await read_all(context, near);
        });
    EXPECT_TRUE(both.both()) << both.text();
    return was;
  };
  EXPECT_FALSE(resumed(*server));
  EXPECT_TRUE(resumed(*server));
  EXPECT_TRUE(resumed(*server));
  // A reload of the same keeps the keys; another server has others.
  EXPECT_TRUE(server->reload());
  EXPECT_TRUE(resumed(*server));
  EXPECT_FALSE(resumed(*server_context(server_options())));
  EXPECT_FALSE(resumed(*server));  // the ticket was the other server's

  const auto forgetful = client_context({.ca_file = authority_.file(), .sessions_max = 0});
  bool was = false;
  for (int i = 0; i < 2; ++i) {
    meet(*forgetful, *server, "localhost", [&](Context&, Socket& near, Socket&) -> task<> {
      was = near.tls_facts().resumed;
      co_return;
    });
    EXPECT_FALSE(was);
  }
}

TEST_F(TlsContext, ATicketIsNobodysAccessAfterTheClientsAuthorityHasChanged) {
  CertificateAuthority successor;
  const auto customer = authority_.issue({.common_name = "customer"});
  auto options = server_options();
  options.client_certificate = ClientCertificate::require;
  options.client_ca_file = authority_.file();
  const auto server = server_context(options);
  auto mine = client_options();
  mine.chain_file = customer.chain_file;
  mine.key_file = customer.key_file;
  const auto client = client_context(mine);
  const PairBody talk = [](Context& context, Socket& near, Socket& far) -> task<> {
    co_await write_and_close(context, far, "hello");
    (void)co_await read_all(context, near);
  };
  EXPECT_TRUE(meet(*client, *server, "localhost", talk).both());
  options.client_ca_file = successor.file();
  EXPECT_TRUE(server->reload(options));
  EXPECT_FALSE(meet(*client, *server, "localhost", talk).server);
}

TEST_F(TlsContext, FilesThatCannotBeUsedAreNamedWithTheReason) {
  const auto other = authority_.issue({});
  const std::string empty = authority_.write("empty.pem", "");
  const std::string broken =
      authority_.write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  const std::string locked = authority_.write(
      "locked.key",
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgKqyD1fMCe\n"
      "-----END ENCRYPTED PRIVATE KEY-----\n");
  struct Case {
    std::string chain, key, file, says;
  };
  const std::vector<Case> cases{
      {"/nowhere/shop.pem", issued_.key_file, "/nowhere/shop.pem", "No such file"},
      {empty, issued_.key_file, empty, "no PEM certificate"},
      {broken, issued_.key_file, broken, "broken"},
      {issued_.key_file, issued_.key_file, issued_.key_file, "no PEM certificate"},
      {issued_.chain_file, "/nowhere/shop.key", "/nowhere/shop.key", "No such file"},
      {issued_.chain_file, issued_.chain_file, issued_.chain_file, "no PEM private key"},
      {issued_.chain_file, other.key_file, other.key_file, "not the key of the certificate"},
      {issued_.chain_file, locked, locked, "key"},
  };
  for (const Case& bad : cases) {
    const auto made =
        net::TlsServerContext::load({.certificates = {{.chain_file = bad.chain, .key_file = bad.key}}});
    ASSERT_FALSE(made) << bad.says;
    EXPECT_EQ(made.error().file, bad.file);
    EXPECT_THAT(made.error().message, HasSubstr(bad.says));
  }
  EXPECT_FALSE(net::TlsServerContext::load({}));
  auto options = server_options();
  options.client_certificate = ClientCertificate::require;
  options.client_ca_file = empty;
  EXPECT_FALSE(net::TlsServerContext::load(options));
  EXPECT_FALSE(net::TlsClientContext::load({.ca_file = "/nowhere"}));
}

TEST_F(TlsContext, AReloadTakesNewFilesAndLeavesAllOnAMistake) {
  const auto server = server_context(server_options());
  const auto client = client_context({.ca_file = authority_.file(), .sessions_max = 0});
  const auto subject = [&] {
    std::string text;
    meet(*client, *server, "localhost", [&](Context&, Socket& near, Socket&) -> task<> {
      text = near.tls_facts().peer_subject;
      co_return;
    });
    return text;
  };
  EXPECT_EQ(subject(), "CN=test");
  authority_.replace(issued_, {.common_name = "renewed"});
  EXPECT_EQ(subject(), "CN=test");
  EXPECT_TRUE(server->reload());
  EXPECT_EQ(subject(), "CN=renewed");
  authority_.write("1.pem", "garbage");
  EXPECT_FALSE(server->reload());
  EXPECT_EQ(subject(), "CN=renewed");
  ASSERT_EQ(server->certificates().size(), 1u);
  const auto left = server->certificates()[0].not_after - std::chrono::system_clock::now();
  EXPECT_GT(left, std::chrono::hours(23));
  EXPECT_LT(left, std::chrono::hours(25));
  EXPECT_THAT(server->certificates()[0].names, ::testing::ElementsAre("localhost"));
}

}  // namespace
}  // namespace weir::testing
