#include "gate/server_tls.h"

#include <array>
#include <stdexcept>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/ssl.h>

#include "core/encoding.h"
#include "core/sha256.h"
#include "tests/unit/gate_certificates.h"

namespace openclaw::gate {
namespace {

using Ssl = std::unique_ptr<SSL, FreeWith<SSL_free>>;
using SslCtx = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;

constexpr std::string_view kHarness = "spiffe://openclaw.example/ns/platform/sa/harness";

CertificateSpec client_spec(std::string_view uri = kHarness) {
  return {.names = {{GEN_URI, std::string(uri)}}, .extended_key_usage = "clientAuth"};
}

// --- workloads -------------------------------------------------------------------------------

class AllowedWorkload : public testing::Test {
 protected:
  bool allows(std::vector<std::pair<int, std::string>> names,
              const std::string& common_name = "test") {
    const Identity identity =
        make_identity({.common_name = common_name, .names = std::move(names)});
    return is_allowed_workload(identity.certificate.get(), allowed_);
  }
  bool allows_uri(std::string_view uri) { return allows({{GEN_URI, std::string(uri)}}); }

  ClientCertificates allowed_{.ca = "",
                              .trust_domain = "openclaw.example",
                              .platform_namespace = "platform",
                              .allowed_dns_names = {}};
};

TEST_F(AllowedWorkload, IsAnyServiceAccountOfThePlatformsNamespace) {
  EXPECT_TRUE(allows_uri(kHarness));
  EXPECT_TRUE(allows_uri("spiffe://openclaw.example/ns/platform/sa/Other_1.x-y"));
}

TEST_F(AllowedWorkload, IsNoOtherUri) {
  for (const char* uri : {
           "spiffe://openclaw.example/ns/other/sa/harness",
           "spiffe://openclaw.example/ns/platform2/sa/harness",
           "spiffe://openclaw.example/ns/platform/sa/harness/extra",
           "spiffe://openclaw.example/ns/platform/sa/harness/",
           "spiffe://openclaw.example/ns/platform/sa/",
           "spiffe://openclaw.example/ns/platform/sa",
           "spiffe://openclaw.example/ns/platform/sa/.",
           "spiffe://openclaw.example/ns/platform/sa/..",
           "spiffe://openclaw.example/ns/platform/sa/har%6Eess",
           "spiffe://openclaw.example/ns/%70latform/sa/harness",
           "spiffe://openclaw.example/ns/other/../platform/sa/harness",
           "spiffe://openclaw.example//ns/platform/sa/harness",
           "spiffe://openclaw.example/x/ns/platform/sa/harness",
           "spiffe://openclaw.example/ns/platform/sa/harness?x",
           "spiffe://openclaw.example/ns/platform/sa/harness#x",
           "spiffe://openclaw.example:443/ns/platform/sa/harness",
           "spiffe://user@openclaw.example/ns/platform/sa/harness",
           "spiffe://evil.openclaw.example/ns/platform/sa/harness",
           "spiffe://openclaw.example.evil/ns/platform/sa/harness",
           "spiffe://OpenClaw.example/ns/platform/sa/harness",
           "SPIFFE://openclaw.example/ns/platform/sa/harness",
           "Spiffe://openclaw.example/ns/platform/sa/harness",
           "https://openclaw.example/ns/platform/sa/harness",
           " spiffe://openclaw.example/ns/platform/sa/harness",
           "spiffe://openclaw.example/ns/platform/sa/harness ",
           "spiffe://openclaw.example/ns/platform/SA/harness",
           "",
       }) {
    EXPECT_FALSE(allows_uri(uri)) << uri;
  }
}

TEST_F(AllowedWorkload, IsNoUriWithANul) {
  EXPECT_FALSE(allows_uri(std::string(kHarness) + std::string(1, '\0')));
  EXPECT_FALSE(allows_uri(std::string(kHarness) + std::string("\0.evil", 6)));
}

TEST_F(AllowedWorkload, IsNoUriLongerThanASpiffeIdMayBe) {
  const std::string prefix = "spiffe://openclaw.example/ns/platform/sa/";
  EXPECT_TRUE(allows_uri(prefix + std::string(2048 - prefix.size(), 'a')));
  EXPECT_FALSE(allows_uri(prefix + std::string(2049 - prefix.size(), 'a')));
}

TEST_F(AllowedWorkload, HasOneUriAlone) {
  const std::string harness(kHarness);
  EXPECT_FALSE(allows({{GEN_URI, harness}, {GEN_URI, harness}}));
  EXPECT_FALSE(allows({{GEN_URI, harness}, {GEN_URI, "https://x.example"}}));
  EXPECT_FALSE(allows({{GEN_URI, "https://x.example"}, {GEN_URI, harness}}));
}

TEST_F(AllowedWorkload, IsNeverNamedByItsCommonNameOrAnotherKindOfName) {
  EXPECT_FALSE(allows({}, std::string(kHarness)));
  EXPECT_FALSE(allows({{GEN_DNS, std::string(kHarness)}}));
  EXPECT_FALSE(allows({{GEN_EMAIL, std::string(kHarness)}}));
  allowed_.allowed_dns_names = {"harness.platform.svc"};
  EXPECT_FALSE(allows({}, "harness.platform.svc"));
  EXPECT_FALSE(allows({{GEN_URI, "harness.platform.svc"}}));
}

TEST_F(AllowedWorkload, IsADnsNameOnlyWhenThatIsAllowedByteForByte) {
  EXPECT_FALSE(allows({{GEN_DNS, "harness.platform.svc"}}));
  allowed_.allowed_dns_names = {"harness.platform.svc"};
  EXPECT_TRUE(allows({{GEN_DNS, "harness.platform.svc"}}));
  EXPECT_TRUE(allows({{GEN_DNS, "other.svc"}, {GEN_DNS, "harness.platform.svc"}}));
  for (const std::string& name :
       {std::string("HARNESS.platform.svc"), std::string("harness.platform.svc."),
        std::string("*.platform.svc"), std::string("x.harness.platform.svc"), std::string(),
        std::string("harness.platform.svc\0", 21)}) {
    EXPECT_FALSE(allows({{GEN_DNS, name}})) << name;
  }
}

TEST_F(AllowedWorkload, IsNobodyWithoutACertificateOrASetting) {
  EXPECT_FALSE(is_allowed_workload(nullptr, allowed_));
  allowed_ = {};
  EXPECT_FALSE(allows_uri(kHarness));
  EXPECT_FALSE(allows_uri("spiffe:///ns//sa/harness"));
  EXPECT_FALSE(allows({}));
}

// RFC 8705 3.1, from the DER.
std::string thumbprint_of(const Identity& identity) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(identity.certificate.get(), &der);
  must(size > 0);
  const Digest digest = sha256({der, static_cast<std::size_t>(size)});
  OPENSSL_free(der);
  return base64url_encode(digest);
}

// A key that passes for `shown` and signs as `signs` does.
TestKey public_half_with(EVP_PKEY* shown, EVP_PKEY* signs) {
  std::array<unsigned char, 256> point{};
  std::size_t size = 0;
  must(EVP_PKEY_get_octet_string_param(shown, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(),
                                       &size) == 1);
  BIGNUM* scalar = nullptr;
  must(EVP_PKEY_get_bn_param(signs, OSSL_PKEY_PARAM_PRIV_KEY, &scalar) == 1);
  const std::unique_ptr<BIGNUM, FreeWith<BN_clear_free>> owned(scalar);
  const std::unique_ptr<OSSL_PARAM_BLD, FreeWith<OSSL_PARAM_BLD_free>> builder(
      OSSL_PARAM_BLD_new());
  must(OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) ==
           1 &&
       OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                        size) == 1 &&
       OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar) == 1);
  const std::unique_ptr<OSSL_PARAM, FreeWith<OSSL_PARAM_free>> parts(
      OSSL_PARAM_BLD_to_param(builder.get()));
  const std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>> context(
      EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  must(EVP_PKEY_fromdata_init(context.get()) == 1 &&
       EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, parts.get()) == 1);
  return TestKey(key);
}

// --- the listener ----------------------------------------------------------------------------

// What came of a handshake, as the server sees it.
struct Handshake {
  bool done = false;
  int version = 0;
  bool workload = false;
  bool resumable = false;
  std::string thumbprint = {};  // of the client's certificate
};

class ServerTls : public testing::Test {
 protected:
  ServerTls() {
    config_.mode = Mode::mtls;
    config_.tls = TlsFiles{files_.write("server.pem", server_.certificate_pem()),
                           files_.write("server.key", server_.key_pem())};
    config_.client_certificates = {.ca = files_.write("ca.pem", ca_.certificate_pem()),
                                   .trust_domain = "openclaw.example",
                                   .platform_namespace = "platform",
                                   .allowed_dns_names = {}};
  }

  std::string refusal() {
    try {
      make_server_tls(config_);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "accepted";
  }

  Handshake handshake(const Identity* client, int newest = TLS1_3_VERSION) {
    const auto context = make_server_tls(config_);
    const SslCtx client_context(SSL_CTX_new(TLS_client_method()));
    must(SSL_CTX_set_max_proto_version(client_context.get(), newest) == 1);
    if (client != nullptr) {
      must(SSL_CTX_use_certificate(client_context.get(), client->certificate.get()) == 1);
      must(SSL_CTX_use_PrivateKey(client_context.get(), client->key.get()) == 1);
    }
    const Ssl server(SSL_new(context->native_handle()));
    const Ssl user(SSL_new(client_context.get()));
    connect(server.get(), user.get());
    SSL_set_accept_state(server.get());
    SSL_set_connect_state(user.get());
    for (int step = 0; step < 10; ++step) {
      SSL_do_handshake(user.get());
      SSL_do_handshake(server.get());
    }
    ERR_clear_error();
    Handshake result;
    result.done = SSL_is_init_finished(server.get()) == 1 && SSL_is_init_finished(user.get()) == 1;
    result.version = SSL_version(server.get());
    result.thumbprint = client_certificate_thumbprint(server.get());
    result.workload =
        is_allowed_workload(SSL_get0_peer_certificate(server.get()), config_.client_certificates);
    char byte = 0;
    SSL_read(user.get(), &byte, 1);  // takes in the tickets, if any came
    result.resumable = SSL_SESSION_is_resumable(SSL_get_session(user.get())) == 1;
    return result;
  }

  static void connect(SSL* server, SSL* user) {
    BIO* server_end = nullptr;
    BIO* user_end = nullptr;
    must(BIO_new_bio_pair(&server_end, 0, &user_end, 0) == 1);
    SSL_set_bio(server, server_end, server_end);
    SSL_set_bio(user, user_end, user_end);
  }

  Identity client(const CertificateSpec& spec = client_spec()) { return make_identity(spec, &ca_); }

  const TestDirectory files_;
  const Identity ca_ = make_identity({.common_name = "CA", .ca = true});
  const Identity server_ = make_identity({.common_name = "server"}, &ca_);
  Config config_{};
};

TEST_F(ServerTls, LetsInAWorkloadOfTheCaByTls13) {
  const Identity harness = client();
  const Handshake result = handshake(&harness);
  EXPECT_TRUE(result.done);
  EXPECT_EQ(result.version, TLS1_3_VERSION);
  EXPECT_TRUE(result.workload);
}

TEST_F(ServerTls, LetsInAWorkloadThroughAnIntermediateOfTheCaFile) {
  const Identity intermediate = make_identity({.common_name = "intermediate", .ca = true}, &ca_);
  files_.write("ca.pem", ca_.certificate_pem() + intermediate.certificate_pem());
  const Identity harness = make_identity(client_spec(), &intermediate);
  EXPECT_TRUE(handshake(&harness).done);
}

TEST_F(ServerTls, DemandsAClientCertificate) { EXPECT_FALSE(handshake(nullptr).done); }

TEST_F(ServerTls, RefusesAClientCertificateThatHasExpiredOrIsNotYetValid) {
  CertificateSpec expired = client_spec();
  expired.valid_until = -60;
  const Identity past = client(expired);
  EXPECT_FALSE(handshake(&past).done);
  CertificateSpec early = client_spec();
  early.valid_from = 600;
  const Identity future = client(early);
  EXPECT_FALSE(handshake(&future).done);
}

TEST_F(ServerTls, RefusesAClientCertificateOfAnotherCaOrItsOwn) {
  const Identity other_ca = make_identity({.common_name = "CA", .ca = true});  // of the same name
  const Identity stranger = make_identity(client_spec(), &other_ca);
  EXPECT_FALSE(handshake(&stranger).done);
  const Identity self_signed = make_identity(client_spec());
  EXPECT_FALSE(handshake(&self_signed).done);
}

TEST_F(ServerTls, RefusesAClientCertificateThatAWorkloadSigned) {
  const Identity workload = client();
  const Identity forged = make_identity(client_spec(), &workload);
  EXPECT_FALSE(handshake(&forged).done);
}

TEST_F(ServerTls, RefusesACertificateThatIsForServers) {
  CertificateSpec spec = client_spec();
  spec.extended_key_usage = "serverAuth";
  const Identity server_only = client(spec);
  EXPECT_FALSE(handshake(&server_only).done);
}

TEST_F(ServerTls, ACertificateOfAnotherNamespaceOrWithACommonNameOnlyIsNoWorkload) {
  const Identity other = client(client_spec("spiffe://openclaw.example/ns/tenant/sa/harness"));
  EXPECT_FALSE(handshake(&other).workload);
  const Identity unnamed = client({.common_name = "harness", .extended_key_usage = "clientAuth"});
  EXPECT_FALSE(handshake(&unnamed).workload);
}

TEST_F(ServerTls, SpeaksTls12OnlyOutsideMtls) {
  const Identity harness = client();
  EXPECT_FALSE(handshake(&harness, TLS1_2_VERSION).done);
  config_.mode = Mode::platform;
  const Handshake result = handshake(nullptr, TLS1_2_VERSION);
  EXPECT_TRUE(result.done);
  EXPECT_EQ(result.version, TLS1_2_VERSION);
  EXPECT_FALSE(handshake(nullptr, TLS1_1_VERSION).done);
}

TEST_F(ServerTls, GivesNoSessionToResume) {
  const Identity harness = client();
  EXPECT_FALSE(handshake(&harness).resumable);
  config_.mode = Mode::platform;
  EXPECT_FALSE(handshake(nullptr).resumable);
  EXPECT_FALSE(handshake(nullptr, TLS1_2_VERSION).resumable);
}

TEST_F(ServerTls, InModeTokenAsksForNoCertificateAndNeedsNoCa) {
  config_.mode = Mode::token;
  config_.client_certificates.ca = files_.path("missing.pem");
  EXPECT_TRUE(handshake(nullptr).done);
  const Identity harness = client();
  const Handshake result = handshake(&harness);
  EXPECT_TRUE(result.done);
  EXPECT_FALSE(result.workload);
  EXPECT_EQ(result.thumbprint, "");
}

TEST_F(ServerTls, InModePlatformTakesAnyCertificateAndNoneAndNeedsNoCa) {
  config_.mode = Mode::platform;
  config_.client_certificates.ca = files_.path("missing.pem");
  CertificateSpec expired = client_spec();
  expired.valid_until = -60;
  CertificateSpec for_servers = client_spec();
  for_servers.extended_key_usage = "serverAuth";
  std::vector<Identity> identities;
  identities.push_back(make_identity(client_spec()));
  for (const CertificateSpec& spec : {client_spec(), expired, for_servers}) {
    identities.push_back(client(spec));
  }
  for (const Identity& identity : identities) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      const Handshake result = handshake(&identity, version);
      EXPECT_TRUE(result.done);
      EXPECT_EQ(result.version, version);
      EXPECT_EQ(result.thumbprint, thumbprint_of(identity));
      EXPECT_FALSE(result.resumable);
    }
  }
  const Handshake without = handshake(nullptr);
  EXPECT_TRUE(without.done);
  EXPECT_EQ(without.thumbprint, "");
}

TEST_F(ServerTls, ACertificateWithoutItsKeyDoesNotComeThrough) {
  config_.mode = Mode::platform;
  Identity thief = client();
  const Identity own = client();
  thief.key = public_half_with(thief.key.get(), own.key.get());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    EXPECT_FALSE(handshake(&thief, version).done);
    EXPECT_TRUE(handshake(&own, version).done);
  }
}

TEST_F(ServerTls, InModeMtlsTheThumbprintIsThatOfTheClientsCertificate) {
  const Identity harness = client();
  EXPECT_EQ(handshake(&harness).thumbprint, thumbprint_of(harness));
}

TEST_F(ServerTls, SendsItsWholeChain) {
  files_.write("server.pem", server_.certificate_pem() + ca_.certificate_pem());
  STACK_OF(X509)* chain = nullptr;
  const auto context = make_server_tls(config_);
  ASSERT_EQ(SSL_CTX_get0_chain_certs(context->native_handle(), &chain), 1);
  ASSERT_EQ(sk_X509_num(chain), 1);
  EXPECT_EQ(X509_cmp(sk_X509_value(chain, 0), ca_.certificate.get()), 0);
}

TEST_F(ServerTls, ReadsTheFilesAgainEachTime) {
  const Identity harness = client();
  EXPECT_TRUE(handshake(&harness).done);
  const Identity next_ca = make_identity({.common_name = "next CA", .ca = true});
  files_.write("ca.pem", next_ca.certificate_pem());
  EXPECT_FALSE(handshake(&harness).done);
  const Identity next = make_identity(client_spec(), &next_ca);
  EXPECT_TRUE(handshake(&next).done);
}

TEST_F(ServerTls, RefusesMissingFilesByName) {
  const TlsFiles good = *config_.tls;
  config_.tls->certificate = files_.path("nowhere.pem");
  EXPECT_EQ(refusal(), config_.tls->certificate + ": cannot be opened: No such file or directory");
  config_.tls = TlsFiles{good.certificate, files_.path("nowhere.key")};
  EXPECT_EQ(refusal(), config_.tls->key + ": cannot be opened: No such file or directory");
  config_.tls = good;
  config_.client_certificates.ca = files_.path("nowhere-ca.pem");
  EXPECT_EQ(refusal(),
            config_.client_certificates.ca + ": cannot be opened: No such file or directory");
  config_.tls.reset();
  EXPECT_EQ(refusal(), "TLS needs a certificate and a key");
}

TEST_F(ServerTls, RefusesWhatIsNoRegularFileOrOfNoSaneSize) {
  const std::string certificate = config_.tls->certificate;
  config_.tls->certificate = files_.path("");
  EXPECT_EQ(refusal(), config_.tls->certificate + ": is not a regular file");
  config_.tls->certificate = certificate;
  for (const std::string& contents : {std::string(), std::string(1024 * 1024 + 1, '\n')}) {
    files_.write("server.pem", contents);
    EXPECT_EQ(refusal(), certificate + ": is empty or larger than 1 MiB");
  }
}

TEST_F(ServerTls, RefusesAKeyThatIsOpenToOthers) {
  for (const mode_t mode : {0640u, 0604u, 0620u, 0601u}) {
    files_.write("server.key", server_.key_pem(), mode);
    EXPECT_EQ(refusal(), config_.tls->key + ": is open to group or others; chmod 600");
  }
  files_.write("server.key", server_.key_pem(), 0400);
  EXPECT_EQ(refusal(), "accepted");
}

TEST_F(ServerTls, RefusesACertificateFileThatIsNotPemOrIsDamaged) {
  const std::string pem = server_.certificate_pem();
  files_.write("server.pem", "no certificate");
  EXPECT_EQ(refusal(), config_.tls->certificate + ": holds no PEM certificate");
  files_.write("server.pem", pem + pem.substr(0, pem.size() / 2));
  EXPECT_EQ(refusal(), config_.tls->certificate + ": holds a PEM certificate that cannot be read");
}

TEST_F(ServerTls, RefusesAKeyThatIsNotPemOrWantsAPassphrase) {
  const std::string expected = config_.tls->key + ": holds no PEM private key without a passphrase";
  files_.write("server.key", "no key");
  EXPECT_EQ(refusal(), expected);
  files_.write("server.key", server_.key_pem("secret"));
  EXPECT_EQ(refusal(), expected);
}

TEST_F(ServerTls, RefusesAKeyOfAnotherCertificate) {
  files_.write("server.key", ca_.key_pem());
  EXPECT_EQ(refusal(), config_.tls->key + ": is not the key of the first certificate in " +
                           config_.tls->certificate);
}

TEST_F(ServerTls, RefusesACaFileWithACertificateThatIsNoCas) {
  files_.write("ca.pem", ca_.certificate_pem() + server_.certificate_pem());
  EXPECT_EQ(refusal(), config_.client_certificates.ca + ": holds a certificate that is no CA's");
}

}  // namespace
}  // namespace openclaw::gate
