#include "core/endpoint.h"

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/encoding.h"
#include "tests/unit/reason.h"

namespace openclaw {
namespace {

using namespace std::string_literals;
using enum EndpointType;

std::string_view external_reason(std::string_view text) {
  return reason(canonical_endpoint(text, external));
}

std::string_view hosted_reason(std::string_view text) {
  return reason(canonical_endpoint(text, hosted));
}

// ---- what is taken, and its canonical form

struct Good {
  const char* name;
  EndpointType type;
  std::string text;
  std::string canonical;
};

const std::string kLongestLabel(63, 'a');
const std::string kLongestName = kLongestLabel + "." + kLongestLabel + "." + kLongestLabel + "." +
                                 std::string(57, 'a') + ".com";  // 253 characters

const std::vector<Good> kGood = {
    {"Plain", external, "https://mcp.example.com", "https://mcp.example.com"},
    {"SlashAlone", external, "https://mcp.example.com/", "https://mcp.example.com"},
    {"DefaultPort", external, "https://mcp.example.com:443", "https://mcp.example.com"},
    {"DefaultPortAndSlash", external, "https://mcp.example.com:443/", "https://mcp.example.com"},
    {"OtherPort", external, "https://mcp.example.com:8443", "https://mcp.example.com:8443"},
    {"OtherPortAndSlash", external, "https://mcp.example.com:8443/",
     "https://mcp.example.com:8443"},
    {"LowestPort", external, "https://mcp.example.com:1", "https://mcp.example.com:1"},
    {"HighestPort", external, "https://mcp.example.com:65535", "https://mcp.example.com:65535"},
    {"SchemeAndHostInUpperCase", external, "HTTPS://MCP.Example.COM/Path",
     "https://mcp.example.com/Path"},
    {"PathStaysAsGiven", external, "https://mcp.example.com/v1/mcp/",
     "https://mcp.example.com/v1/mcp/"},
    {"PathWithEveryMark", external, "https://mcp.example.com/-._~!$&'()*+,;=:@",
     "https://mcp.example.com/-._~!$&'()*+,;=:@"},
    {"PathWithEscapes", external, "https://mcp.example.com/caf%C3%A9%20a",
     "https://mcp.example.com/caf%C3%A9%20a"},
    {"PathWithDotsInNames", external, "https://mcp.example.com/.well-known/a..b/...",
     "https://mcp.example.com/.well-known/a..b/..."},
    {"PathWithAnAtSign", external, "https://mcp.example.com/@me", "https://mcp.example.com/@me"},
    {"LabelOfDigitsBeforeTheTop", external, "https://127.0.0.1.example.com",
     "https://127.0.0.1.example.com"},
    {"LabelStartingWithADigit", external, "https://3scale.example.com",
     "https://3scale.example.com"},
    {"TopThatOnlyStartsLikeANumber", external, "https://a.0xyz", "https://a.0xyz"},
    {"InnerHyphens", external, "https://a--b.ex-ample.com", "https://a--b.ex-ample.com"},
    {"NameThatEndsLikeALocalOne", external, "https://notlocal.com", "https://notlocal.com"},
    {"InternalNameAsALabelWithin", external, "https://localhost.example.com",
     "https://localhost.example.com"},
    {"LongestName", external, "https://" + kLongestName, "https://" + kLongestName},
    {"PublicIpv4", external, "https://93.184.216.34:8443/mcp", "https://93.184.216.34:8443/mcp"},
    {"PublicIpv6", external, "https://[2606:2800:220:1:248:1893:25c8:1946]/mcp",
     "https://[2606:2800:220:1:248:1893:25c8:1946]/mcp"},
    {"Ipv6IsCompressedAndLowerCase", external, "https://[2606:4700:0000:0:0:0:0:ABCD]:443",
     "https://[2606:4700::abcd]"},
    {"Ipv6CompressesTheFirstOfTwoEqualRuns", external, "https://[2606:0:0:1:2:0:0:3]",
     "https://[2606::1:2:0:0:3]"},
    {"Ipv6SpellsOutALoneZeroGroup", external, "https://[2606:1:2:3::5:6:7]",
     "https://[2606:1:2:3:0:5:6:7]"},
    {"Ipv6WithADottedTail", external, "https://[2606:4700::93.184.216.34]",
     "https://[2606:4700::5db8:d822]"},
    {"ServiceAndPort", hosted, "internal-svc:3100", "internal-svc:3100"},
    {"ServiceInUpperCase", hosted, "Internal-SVC:3100", "internal-svc:3100"},
    {"ServiceOnTheHttpsPort", hosted, "mcp:443", "mcp:443"},
    {"ServiceAndNamespace", hosted, "mcp.tenant-7:3100", "mcp.tenant-7:3100"},
    {"NamespaceOfDigits", hosted, "mcp.7.svc:3100", "mcp.7.svc:3100"},
    {"ServiceNamespaceAndSvc", hosted, "mcp.tenant-7.svc:3100", "mcp.tenant-7.svc:3100"},
    {"ServiceInTheClusterDomain", hosted, "mcp.tenant-7.svc.cluster.local:3100",
     "mcp.tenant-7.svc.cluster.local:3100"},
    {"ServiceInAnotherClusterDomain", hosted, "mcp.tenant-7.svc.prod.example:65535",
     "mcp.tenant-7.svc.prod.example:65535"},
};

class GoodEndpoint : public testing::TestWithParam<Good> {};

TEST_P(GoodEndpoint, HasOneCanonicalFormThatStaysAsItIs) {
  const Good& row = GetParam();
  const Result<std::string> canonical = canonical_endpoint(row.text, row.type);
  ASSERT_TRUE(canonical) << name(canonical.error());
  EXPECT_EQ(*canonical, row.canonical);
  const Result<std::string> again = canonical_endpoint(*canonical, row.type);
  ASSERT_TRUE(again) << name(again.error());
  EXPECT_EQ(*again, *canonical);
}

TEST_P(GoodEndpoint, OfOneKindIsRefusedAsTheOther) {
  const Good& row = GetParam();
  EXPECT_FALSE(canonical_endpoint(row.text, row.type == hosted ? external : hosted));
}

std::string good_name(const testing::TestParamInfo<Good>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Endpoint, GoodEndpoint, testing::ValuesIn(kGood), good_name);

// ---- attack 49: what is refused, and why

struct Bad {
  const char* name;
  EndpointType type;
  std::string text;
  Error error;
};

class BadEndpoint : public testing::TestWithParam<Bad> {};

TEST_P(BadEndpoint, IsRefused) {
  const Bad& row = GetParam();
  EXPECT_EQ(reason(canonical_endpoint(row.text, row.type)), name(row.error));
}

std::string bad_name(const testing::TestParamInfo<Bad>& info) { return info.param.name; }

const std::vector<Bad> kRefusedForm = {
    {"Empty", external, "", Error::endpoint_malformed},
    {"EmptyHosted", hosted, "", Error::endpoint_malformed},
    {"SpaceBefore", external, " https://a.com", Error::endpoint_malformed},
    {"SpaceAfter", external, "https://a.com ", Error::endpoint_malformed},
    {"SpaceInHost", external, "https://a .com", Error::endpoint_malformed},
    {"TabInHost", external, "https://a\t.com", Error::endpoint_malformed},
    {"TabInScheme", external, "ht\ttps://a.com", Error::endpoint_malformed},
    {"NewlineInHost", external, "https://a.com\n.evil.com", Error::endpoint_malformed},
    {"NewlineAtTheEnd", external, "https://a.com\n", Error::endpoint_malformed},
    {"CarriageReturnInPath", external, "https://a.com/a\r\nHost: b", Error::endpoint_malformed},
    {"NulInHost", external, "https://a.com\0.evil.com"s, Error::endpoint_malformed},
    {"NulAtTheEnd", external, "https://a.com\0"s, Error::endpoint_malformed},
    {"NulInServiceName", hosted, "mcp\0:80"s, Error::endpoint_malformed},
    {"DeleteInPath", external, "https://a.com/\x7F", Error::endpoint_malformed},
    {"PortZero", external, "https://a.com:0", Error::endpoint_malformed},
    {"PortOver65535", external, "https://a.com:65536", Error::endpoint_malformed},
    {"PortThatWrapsTo443", external, "https://a.com:65979", Error::endpoint_malformed},
    {"PortOver64Bits", external, "https://a.com:99999999999999999999", Error::endpoint_malformed},
    {"PortEmpty", external, "https://a.com:", Error::endpoint_malformed},
    {"PortEmptyBeforePath", external, "https://a.com:/mcp", Error::endpoint_malformed},
    {"PortWithLeadingZero", external, "https://a.com:0443", Error::endpoint_malformed},
    {"PortWithSign", external, "https://a.com:+443", Error::endpoint_malformed},
    {"PortNegative", external, "https://a.com:-1", Error::endpoint_malformed},
    {"PortInHex", external, "https://a.com:0x1bb", Error::endpoint_malformed},
    {"PortWithLetters", external, "https://a.com:443a", Error::endpoint_malformed},
    {"PortNotAscii", external, "https://a.com:\xD9\xA4", Error::endpoint_malformed},
    {"PortAfterIpv6Zero", external, "https://[2606::1]:0", Error::endpoint_malformed},
    {"HostedPortZero", hosted, "mcp:0", Error::endpoint_malformed},
    {"HostedPortOver65535", hosted, "mcp:65536", Error::endpoint_malformed},
    {"HostedPortEmpty", hosted, "mcp:", Error::endpoint_malformed},
    {"HostedPortWithLeadingZero", hosted, "mcp:03100", Error::endpoint_malformed},
    {"HostedPortWithLetters", hosted, "mcp:http", Error::endpoint_malformed}};

INSTANTIATE_TEST_SUITE_P(Form, BadEndpoint, testing::ValuesIn(kRefusedForm), bad_name);

const std::vector<Bad> kRefusedScheme = {
    {"Http", external, "http://a.com", Error::endpoint_not_https},
    {"HttpInUpperCase", external, "HTTP://a.com", Error::endpoint_not_https},
    {"Ftp", external, "ftp://a.com", Error::endpoint_not_https},
    {"File", external, "file:///etc/passwd", Error::endpoint_not_https},
    {"Gopher", external, "gopher://a.com:70/_", Error::endpoint_not_https},
    {"Javascript", external, "javascript:alert(1)", Error::endpoint_not_https},
    {"Data", external, "data:text/html,x", Error::endpoint_not_https},
    {"Unix", external, "unix:/run/a.sock", Error::endpoint_not_https},
    {"Httpss", external, "httpss://a.com", Error::endpoint_not_https},
    {"NoScheme", external, "a.com/mcp", Error::endpoint_not_https},
    {"SchemeRelative", external, "//a.com", Error::endpoint_not_https},
    {"OneSlash", external, "https:/a.com", Error::endpoint_not_https},
    {"NoSlash", external, "https:a.com", Error::endpoint_not_https},
    {"Backslashes", external, "https:\\\\a.com", Error::endpoint_not_https},
    {"HostedForm", external, "internal-svc:3100", Error::endpoint_not_https},
    {"SchemeAlone", external, "https:", Error::endpoint_not_https}};

INSTANTIATE_TEST_SUITE_P(Scheme, BadEndpoint, testing::ValuesIn(kRefusedScheme), bad_name);

const std::vector<Bad> kRefusedParts = {
    {"UserAndPassword", external, "https://user:pw@a.com", Error::endpoint_has_userinfo},
    {"UserOnly", external, "https://user@a.com", Error::endpoint_has_userinfo},
    {"EmptyUser", external, "https://@a.com", Error::endpoint_has_userinfo},
    {"HostDressedAsUser", external, "https://trusted.com@127.0.0.1/", Error::endpoint_has_userinfo},
    {"HostAndPortDressedAsUser", external, "https://trusted.com:443@10.0.0.1",
     Error::endpoint_has_userinfo},
    {"BackslashBeforeUser", external, "https://a.com\\@b.com", Error::endpoint_has_userinfo},
    {"TwoAtSigns", external, "https://a@b@c.com", Error::endpoint_has_userinfo},
    {"HostedUser", hosted, "user@mcp:80", Error::endpoint_has_userinfo},
    {"Fragment", external, "https://a.com/#x", Error::endpoint_has_fragment},
    {"FragmentAfterHost", external, "https://a.com#x", Error::endpoint_has_fragment},
    {"FragmentEmpty", external, "https://a.com/#", Error::endpoint_has_fragment},
    {"FragmentHidingUser", external, "https://a.com#@b.com", Error::endpoint_has_fragment},
    {"FragmentAfterQuery", external, "https://a.com/?q#f", Error::endpoint_has_fragment},
    {"HostedFragment", hosted, "mcp:80#x", Error::endpoint_has_fragment},
    {"Query", external, "https://a.com/mcp?x=1", Error::endpoint_has_query},
    {"QueryAfterHost", external, "https://a.com?x", Error::endpoint_has_query},
    {"QueryEmpty", external, "https://a.com/?", Error::endpoint_has_query},
    {"QueryHidingUser", external, "https://a.com?@b.com", Error::endpoint_has_query},
    {"HostedQuery", hosted, "mcp:80?x", Error::endpoint_has_query}};

INSTANTIATE_TEST_SUITE_P(Parts, BadEndpoint, testing::ValuesIn(kRefusedParts), bad_name);

const std::vector<Bad> kRefusedHost = {
    {"Empty", external, "https://", Error::endpoint_bad_host},
    {"EmptyBeforePath", external, "https:///mcp", Error::endpoint_bad_host},
    {"EmptyBeforePort", external, "https://:443", Error::endpoint_bad_host},
    {"EmptyLabel", external, "https://a..com", Error::endpoint_bad_host},
    {"EmptyFirstLabel", external, "https://.a.com", Error::endpoint_bad_host},
    {"LabelOf64", external, "https://" + kLongestLabel + "a.com", Error::endpoint_bad_host},
    {"NameOf254", external, "https://a" + kLongestName, Error::endpoint_bad_host},
    {"HyphenFirst", external, "https://-a.com", Error::endpoint_bad_host},
    {"HyphenLast", external, "https://a-.com", Error::endpoint_bad_host},
    {"Underscore", external, "https://a_b.com", Error::endpoint_bad_host},
    {"Star", external, "https://*.a.com", Error::endpoint_bad_host},
    {"Comma", external, "https://a.com,b.com", Error::endpoint_bad_host},
    {"TwoPorts", external, "https://a.com:443:80", Error::endpoint_bad_host},
    {"Ipv6WithoutBrackets", external, "https://2606:4700::1", Error::endpoint_bad_host},
    {"Ipv6WithoutClosingBracket", external, "https://[2606:4700::1", Error::endpoint_bad_host},
    {"Ipv6WithTextAfterTheBracket", external, "https://[2606:4700::1]a.com",
     Error::endpoint_bad_host},
    {"Ipv6WithTwoPorts", external, "https://[2606:4700::1]:1:2", Error::endpoint_bad_host},
    {"Ipv6WithTwoGaps", external, "https://[2606::1::2]", Error::endpoint_bad_host},
    {"Ipv6WithNineGroups", external, "https://[2606:1:2:3:4:5:6:7:8]", Error::endpoint_bad_host},
    {"Ipv6WithFiveDigits", external, "https://[2606::12345]", Error::endpoint_bad_host},
    {"Ipv6OfTooManyCharacters", external, "https://[" + std::string(64, '0') + "::1]",
     Error::endpoint_bad_host},
    {"BracketsAroundNothing", external, "https://[]", Error::endpoint_bad_host},
    {"BracketsAroundAName", external, "https://[a.com]", Error::endpoint_bad_host},
    {"BracketsAroundIpv4", external, "https://[93.184.216.34]", Error::endpoint_bad_host},
    {"IpvFuture", external, "https://[v1.fe80::1]", Error::endpoint_bad_host}};

INSTANTIATE_TEST_SUITE_P(Host, BadEndpoint, testing::ValuesIn(kRefusedHost), bad_name);

const std::vector<Bad> kRefusedAmbiguous = {
    {"DecimalIpv4", external, "https://2130706433", Error::endpoint_ambiguous_host},
    {"DecimalIpv4OfAPublicAddress", external, "https://1572395042", Error::endpoint_ambiguous_host},
    {"DecimalIpv4WithPort", external, "https://2130706433:443/x", Error::endpoint_ambiguous_host},
    {"DecimalZero", external, "https://0", Error::endpoint_ambiguous_host},
    {"DecimalThatWraps", external, "https://6425673729", Error::endpoint_ambiguous_host},
    {"OctalIpv4", external, "https://0177.0.0.1", Error::endpoint_ambiguous_host},
    {"OctalIpv4OfOneNumber", external, "https://017700000001", Error::endpoint_ambiguous_host},
    {"OctalLastPart", external, "https://93.184.216.042", Error::endpoint_ambiguous_host},
    {"ZeroPadded", external, "https://127.000.000.001", Error::endpoint_ambiguous_host},
    {"HexIpv4", external, "https://0x7f000001", Error::endpoint_ambiguous_host},
    {"HexIpv4InUpperCase", external, "https://0X7F000001", Error::endpoint_ambiguous_host},
    {"HexPartsIpv4", external, "https://0x7f.0x0.0x0.0x1", Error::endpoint_ambiguous_host},
    {"HexAndDecimalShort", external, "https://0x7f.1", Error::endpoint_ambiguous_host},
    {"HexLastPart", external, "https://127.0.0.0x1", Error::endpoint_ambiguous_host},
    {"HexPrefixAlone", external, "https://127.0.0.0x", Error::endpoint_ambiguous_host},
    {"ShortIpv4OfTwo", external, "https://127.1", Error::endpoint_ambiguous_host},
    {"ShortIpv4OfThree", external, "https://192.168.1", Error::endpoint_ambiguous_host},
    {"LongIpv4OfFive", external, "https://1.2.3.4.5", Error::endpoint_ambiguous_host},
    {"Ipv4PartOver255", external, "https://93.184.216.256", Error::endpoint_ambiguous_host},
    {"Ipv4PartThatWraps", external, "https://383.0.0.1", Error::endpoint_ambiguous_host},
    {"Ipv4WithEmptyPart", external, "https://127..0.1", Error::endpoint_ambiguous_host},
    {"NameThatEndsInANumber", external, "https://a.com.1", Error::endpoint_ambiguous_host},
    {"TrailingDot", external, "https://a.com.", Error::endpoint_ambiguous_host},
    {"TrailingDotAfterLocalhost", external, "https://localhost.", Error::endpoint_ambiguous_host},
    {"TrailingDotAfterIpv4", external, "https://127.0.0.1.", Error::endpoint_ambiguous_host},
    {"TrailingDotBeforePort", external, "https://a.com.:443", Error::endpoint_ambiguous_host},
    {"DotAlone", external, "https://.", Error::endpoint_ambiguous_host},
    {"CyrillicLetter", external, "https://ex\xD0\xB0mple.com", Error::endpoint_ambiguous_host},
    {"FullwidthDigits", external, "https://\xEF\xBC\x91\xEF\xBC\x92\xEF\xBC\x97.0.0.1",
     Error::endpoint_ambiguous_host},
    {"CircledDigits", external, "https://\xE2\x91\xA0.1.1.1", Error::endpoint_ambiguous_host},
    {"IdeographicFullStop", external,
     "https://127\xE3\x80\x82"
     "0.0.1",
     Error::endpoint_ambiguous_host},
    {"SoftHyphen", external, "https://local\xC2\xADhost", Error::endpoint_ambiguous_host},
    {"KelvinSign", external, "https://\xE2\x84\xAA.com", Error::endpoint_ambiguous_host},
    {"InvalidUtf8", external, "https://a\xFF.com", Error::endpoint_ambiguous_host},
    {"Punycode", external, "https://xn--e1awd7f.com", Error::endpoint_ambiguous_host},
    {"PunycodeInUpperCase", external, "https://XN--E1AWD7F.com", Error::endpoint_ambiguous_host},
    {"PunycodeTop", external, "https://a.xn--p1ai", Error::endpoint_ambiguous_host},
    {"PunycodeWithin", external, "https://a.xn--p1ai.com", Error::endpoint_ambiguous_host},
    {"PercentEncodedHost", external, "https://%6c%6f%63%61%6c%68%6f%73%74",
     Error::endpoint_ambiguous_host},
    {"PercentEncodedDot", external, "https://a%2ecom", Error::endpoint_ambiguous_host},
    {"PercentEncodedSlash", external, "https://a.com%2f.evil.com", Error::endpoint_ambiguous_host},
    {"PercentEncodedNul", external, "https://a.com%00.evil.com", Error::endpoint_ambiguous_host},
    {"BackslashAfterHost", external, "https://a.com\\.evil.com", Error::endpoint_ambiguous_host},
    {"BackslashBeforePath", external, "https://a.com\\path/x", Error::endpoint_ambiguous_host},
    {"ZoneId", external, "https://[fe80::1%25eth0]", Error::endpoint_ambiguous_host},
    {"ZoneIdUnescaped", external, "https://[fe80::1%eth0]", Error::endpoint_ambiguous_host},
    {"ZoneIdOnAPublicAddress", external, "https://[2606:4700::1%251]",
     Error::endpoint_ambiguous_host},
    {"HostedTrailingDot", hosted, "mcp.:80", Error::endpoint_ambiguous_host},
    {"HostedPunycode", hosted, "xn--e1awd7f:80", Error::endpoint_ambiguous_host},
    {"HostedNotAscii", hosted, "m\xD1\x81p:80", Error::endpoint_ambiguous_host},
    {"HostedPercent", hosted, "mcp%2e:80", Error::endpoint_ambiguous_host},
    {"HostedBackslash", hosted, "mcp\\x:80", Error::endpoint_ambiguous_host}};

INSTANTIATE_TEST_SUITE_P(Ambiguous, BadEndpoint, testing::ValuesIn(kRefusedAmbiguous), bad_name);

const std::vector<Bad> kRefusedInternal = {
    {"Localhost", external, "https://localhost", Error::endpoint_internal_host},
    {"LocalhostInUpperCase", external, "https://LOCALHOST:8443", Error::endpoint_internal_host},
    {"NameUnderLocalhost", external, "https://a.localhost", Error::endpoint_internal_host},
    {"SingleLabel", external, "https://intranet", Error::endpoint_internal_host},
    {"KubernetesApi", external, "https://kubernetes.default.svc", Error::endpoint_internal_host},
    {"KubernetesApiShort", external, "https://kubernetes.default", Error::endpoint_internal_host},
    {"ClusterService", external, "https://a.b.svc.cluster.local", Error::endpoint_internal_host},
    {"GoogleMetadata", external, "https://metadata.google.internal", Error::endpoint_internal_host},
    {"DockerHost", external, "https://host.docker.internal", Error::endpoint_internal_host},
    {"Localdomain", external, "https://localhost.localdomain", Error::endpoint_internal_host},
    {"Mdns", external, "https://printer.local", Error::endpoint_internal_host},
    {"HomeArpa", external, "https://nas.home.arpa", Error::endpoint_internal_host},
    {"ReverseName", external, "https://1.0.0.127.in-addr.arpa", Error::endpoint_internal_host},
    {"Test", external, "https://a.test", Error::endpoint_internal_host},
    {"Invalid", external, "https://a.invalid", Error::endpoint_internal_host},
    {"Onion", external, "https://a.onion", Error::endpoint_internal_host},
    {"Alt", external, "https://a.alt", Error::endpoint_internal_host},
    {"Corp", external, "https://a.corp", Error::endpoint_internal_host},
    {"Home", external, "https://a.home", Error::endpoint_internal_host},
    {"Lan", external, "https://a.lan", Error::endpoint_internal_host},
    {"Mail", external, "https://a.mail", Error::endpoint_internal_host},
    {"Intranet", external, "https://a.intranet", Error::endpoint_internal_host},
    {"Private", external, "https://a.private", Error::endpoint_internal_host},
    {"Loopback", external, "https://127.0.0.1", Error::endpoint_internal_host},
    {"LoopbackWithPort", external, "https://127.0.0.1:8443/mcp", Error::endpoint_internal_host},
    {"CloudMetadata", external, "https://169.254.169.254/latest", Error::endpoint_internal_host},
    {"AlibabaMetadata", external, "https://100.100.100.200", Error::endpoint_internal_host},
    {"OracleMetadata", external, "https://192.0.0.192", Error::endpoint_internal_host},
    {"AzureWireServer", external, "https://168.63.129.16", Error::endpoint_internal_host},
    {"Broadcast", external, "https://255.255.255.255", Error::endpoint_internal_host},
    {"Ipv6Loopback", external, "https://[::1]", Error::endpoint_internal_host},
    {"Ipv6LoopbackSpelledOut", external, "https://[0:0:0:0:0:0:0:1]:8443",
     Error::endpoint_internal_host},
    {"Ipv6Unspecified", external, "https://[::]", Error::endpoint_internal_host},
    {"Ipv4Mapped", external, "https://[::ffff:127.0.0.1]", Error::endpoint_internal_host},
    {"Ipv4MappedInHex", external, "https://[::ffff:7f00:1]", Error::endpoint_internal_host},
    {"Ipv4MappedOfAPublicAddress", external, "https://[::ffff:93.184.216.34]",
     Error::endpoint_internal_host},
    {"Ipv4Compatible", external, "https://[::127.0.0.1]", Error::endpoint_internal_host},
    {"Ipv4Translated", external, "https://[::ffff:0:127.0.0.1]", Error::endpoint_internal_host},
    {"Nat64", external, "https://[64:ff9b::127.0.0.1]", Error::endpoint_internal_host},
    {"Nat64OfAPublicAddress", external, "https://[64:ff9b::5db8:d822]",
     Error::endpoint_internal_host},
    {"Nat64Local", external, "https://[64:ff9b:1::a00:1]", Error::endpoint_internal_host},
    {"DiscardOnly", external, "https://[100::1]", Error::endpoint_internal_host},
    {"Teredo", external, "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
     Error::endpoint_internal_host},
    {"Ipv6Benchmark", external, "https://[2001:2::1]", Error::endpoint_internal_host},
    {"Orchid", external, "https://[2001:20::1]", Error::endpoint_internal_host},
    {"Ipv6Documentation", external, "https://[2001:db8::1]", Error::endpoint_internal_host},
    {"Ipv6NewDocumentation", external, "https://[3fff:fff::1]", Error::endpoint_internal_host},
    {"SixToFour", external, "https://[2002:7f00:1::]", Error::endpoint_internal_host},
    {"UniqueLocal", external, "https://[fd00::1]", Error::endpoint_internal_host},
    {"UniqueLocalOfAwsMetadata", external, "https://[fd00:ec2::254]",
     Error::endpoint_internal_host},
    {"LinkLocal", external, "https://[fe80::1]", Error::endpoint_internal_host},
    {"SiteLocal", external, "https://[fec0::1]", Error::endpoint_internal_host},
    {"Ipv6Multicast", external, "https://[ff02::1]", Error::endpoint_internal_host},
    {"HostedLocalhost", hosted, "localhost:80", Error::endpoint_internal_host},
    {"HostedNameUnderLocalhost", hosted, "a.localhost:80", Error::endpoint_internal_host},
    {"HostedLocaldomain", hosted, "localhost.localdomain:80", Error::endpoint_internal_host}};

INSTANTIATE_TEST_SUITE_P(Internal, BadEndpoint, testing::ValuesIn(kRefusedInternal), bad_name);

const std::vector<Bad> kRefusedPath = {
    {"Dot", external, "https://a.com/.", Error::endpoint_ambiguous_path},
    {"DotDot", external, "https://a.com/..", Error::endpoint_ambiguous_path},
    {"DotWithin", external, "https://a.com/a/./b", Error::endpoint_ambiguous_path},
    {"DotDotWithin", external, "https://a.com/a/../b", Error::endpoint_ambiguous_path},
    {"DotDotAtTheEnd", external, "https://a.com/a/..", Error::endpoint_ambiguous_path},
    {"EscapedDot", external, "https://a.com/%2e/a", Error::endpoint_ambiguous_path},
    {"EscapedDotDot", external, "https://a.com/%2e%2e/a", Error::endpoint_ambiguous_path},
    {"EscapedDotDotInUpperCase", external, "https://a.com/%2E%2E/a",
     Error::endpoint_ambiguous_path},
    {"HalfEscapedDotDot", external, "https://a.com/.%2e/a", Error::endpoint_ambiguous_path},
    {"TwiceEscapedDotDot", external, "https://a.com/%252e%252e/a", Error::endpoint_ambiguous_path},
    {"DotDotWithParameter", external, "https://a.com/..;x/a", Error::endpoint_ambiguous_path},
    {"DotDotWithEscapedParameter", external, "https://a.com/%2e%2e%3bx/a",
     Error::endpoint_ambiguous_path},
    {"EmptySegment", external, "https://a.com//a", Error::endpoint_ambiguous_path},
    {"EmptySegmentWithin", external, "https://a.com/a//b", Error::endpoint_ambiguous_path},
    {"EmptySegmentAtTheEnd", external, "https://a.com/a//", Error::endpoint_ambiguous_path},
    {"SlashesAlone", external, "https://a.com//", Error::endpoint_ambiguous_path},
    {"Backslash", external, "https://a.com/a\\b", Error::endpoint_ambiguous_path},
    {"BackslashDotDot", external, "https://a.com/a\\..\\b", Error::endpoint_ambiguous_path},
    {"EscapedSlash", external, "https://a.com/a%2fb", Error::endpoint_ambiguous_path},
    {"EscapedBackslash", external, "https://a.com/a%5Cb", Error::endpoint_ambiguous_path},
    {"EscapedNul", external, "https://a.com/a%00", Error::endpoint_ambiguous_path},
    {"EscapedNewline", external, "https://a.com/a%0d%0aHost:b", Error::endpoint_ambiguous_path},
    {"EscapedDelete", external, "https://a.com/a%7f", Error::endpoint_ambiguous_path},
    {"EscapeOfOneDigit", external, "https://a.com/a%2", Error::endpoint_ambiguous_path},
    {"EscapeOfNoDigit", external, "https://a.com/a%", Error::endpoint_ambiguous_path},
    {"EscapeCutByTheSegment", external, "https://a.com/a%2/b", Error::endpoint_ambiguous_path},
    {"EscapeOfOtherLetters", external, "https://a.com/a%zz", Error::endpoint_ambiguous_path},
    {"EscapeOfUnicode", external, "https://a.com/%u002e", Error::endpoint_ambiguous_path},
    {"NotAscii", external, "https://a.com/caf\xC3\xA9", Error::endpoint_ambiguous_path},
    {"Quote", external, "https://a.com/\"", Error::endpoint_ambiguous_path},
    {"AngleBracket", external, "https://a.com/<script>", Error::endpoint_ambiguous_path},
    {"Brace", external, "https://a.com/{id}", Error::endpoint_ambiguous_path},
    {"SquareBracket", external, "https://a.com/[x]", Error::endpoint_ambiguous_path},
    {"Pipe", external, "https://a.com/a|b", Error::endpoint_ambiguous_path}};

INSTANTIATE_TEST_SUITE_P(Path, BadEndpoint, testing::ValuesIn(kRefusedPath), bad_name);

const std::vector<Bad> kRefusedService = {
    {"NoPort", hosted, "mcp", Error::endpoint_not_service_name},
    {"NoName", hosted, ":80", Error::endpoint_not_service_name},
    {"Url", hosted, "https://mcp:80", Error::endpoint_not_service_name},
    {"HttpUrl", hosted, "http://mcp.svc:80", Error::endpoint_not_service_name},
    {"WithPath", hosted, "mcp:80/path", Error::endpoint_not_service_name},
    {"WithSlash", hosted, "mcp:80/", Error::endpoint_not_service_name},
    {"TwoPorts", hosted, "mcp:80:81", Error::endpoint_not_service_name},
    {"Ipv4", hosted, "10.0.0.1:80", Error::endpoint_not_service_name},
    {"PublicIpv4", hosted, "93.184.216.34:80", Error::endpoint_not_service_name},
    {"Ipv6", hosted, "[fd00::1]:80", Error::endpoint_not_service_name},
    {"Ipv6WithoutBrackets", hosted, "::1:80", Error::endpoint_not_service_name},
    {"DecimalIpv4", hosted, "2130706433:80", Error::endpoint_not_service_name},
    {"HexIpv4", hosted, "0x7f000001:80", Error::endpoint_not_service_name},
    {"EndsInANumber", hosted, "mcp.7:80", Error::endpoint_not_service_name},
    {"EndsInAHexNumber", hosted, "mcp.0x7f:80", Error::endpoint_not_service_name},
    {"StartsWithADigit", hosted, "7mcp:80", Error::endpoint_not_service_name},
    {"StartsWithAHyphen", hosted, "-mcp:80", Error::endpoint_not_service_name},
    {"EndsWithAHyphen", hosted, "mcp-:80", Error::endpoint_not_service_name},
    {"Underscore", hosted, "mcp_a:80", Error::endpoint_not_service_name},
    {"EmptyLabel", hosted, "mcp..svc:80", Error::endpoint_not_service_name},
    {"LabelOf64", hosted, kLongestLabel + "a:80", Error::endpoint_not_service_name},
    {"NameOf254", hosted, "a" + kLongestName + ":80", Error::endpoint_not_service_name},
    {"PublicName", hosted, "mcp.example.com:443", Error::endpoint_not_service_name},
    {"CloudMetadata", hosted, "metadata.google.internal:80", Error::endpoint_not_service_name},
    {"ClusterDomainWithoutSvc", hosted, "mcp.tenant.cluster.local:80",
     Error::endpoint_not_service_name},
    {"UnixSocket", hosted, "/run/mcp.sock", Error::endpoint_not_service_name}};

INSTANTIATE_TEST_SUITE_P(Service, BadEndpoint, testing::ValuesIn(kRefusedService), bad_name);

// ---- the edges of the address ranges

std::string ipv4(std::uint32_t address) {
  return std::to_string(address >> 24) + '.' + std::to_string(address >> 16 & 255) + '.' +
         std::to_string(address >> 8 & 255) + '.' + std::to_string(address & 255);
}

constexpr std::uint32_t address4(std::uint32_t a, std::uint32_t b, std::uint32_t c,
                                 std::uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

TEST(Ipv4, OfEveryInternalRangeIsRefusedFromItsFirstToItsLastAddressAndNoFurther) {
  struct Range {
    const char* name;
    std::uint32_t first;
    std::uint32_t last;
  };
  const Range ranges[] = {
      {"this network", address4(0, 0, 0, 0), address4(0, 255, 255, 255)},
      {"private 10", address4(10, 0, 0, 0), address4(10, 255, 255, 255)},
      {"CGNAT", address4(100, 64, 0, 0), address4(100, 127, 255, 255)},
      {"loopback", address4(127, 0, 0, 0), address4(127, 255, 255, 255)},
      {"Azure", address4(168, 63, 129, 16), address4(168, 63, 129, 16)},
      {"link-local", address4(169, 254, 0, 0), address4(169, 254, 255, 255)},
      {"private 172", address4(172, 16, 0, 0), address4(172, 31, 255, 255)},
      {"IETF", address4(192, 0, 0, 0), address4(192, 0, 0, 255)},
      {"documentation 1", address4(192, 0, 2, 0), address4(192, 0, 2, 255)},
      {"AS112 direct", address4(192, 31, 196, 0), address4(192, 31, 196, 255)},
      {"AMT", address4(192, 52, 193, 0), address4(192, 52, 193, 255)},
      {"6to4 relay", address4(192, 88, 99, 0), address4(192, 88, 99, 255)},
      {"private 192", address4(192, 168, 0, 0), address4(192, 168, 255, 255)},
      {"AS112", address4(192, 175, 48, 0), address4(192, 175, 48, 255)},
      {"benchmark", address4(198, 18, 0, 0), address4(198, 19, 255, 255)},
      {"documentation 2", address4(198, 51, 100, 0), address4(198, 51, 100, 255)},
      {"documentation 3", address4(203, 0, 113, 0), address4(203, 0, 113, 255)},
      {"multicast and above", address4(224, 0, 0, 0), address4(255, 255, 255, 255)},
  };
  for (const Range& range : ranges) {
    EXPECT_EQ(external_reason("https://" + ipv4(range.first)), "endpoint_internal_host")
        << range.name;
    EXPECT_EQ(external_reason("https://" + ipv4(range.last)), "endpoint_internal_host")
        << range.name;
    if (range.first != 0) {
      EXPECT_EQ(external_reason("https://" + ipv4(range.first - 1)), "accepted") << range.name;
    }
    if (range.last != UINT32_MAX) {
      EXPECT_EQ(external_reason("https://" + ipv4(range.last + 1)), "accepted") << range.name;
    }
  }
}

TEST(Ipv6, OutsideGlobalUnicastIsRefusedForEveryFirstGroup) {
  for (unsigned group = 0; group <= 0xFFFF; ++group) {
    const Bytes bytes{static_cast<std::uint8_t>(group >> 8), static_cast<std::uint8_t>(group)};
    const std::string text = "https://[" + hex_encode(bytes) + ":8000::1]";
    const bool global = group >= 0x2000 && group <= 0x3FFF && group != 0x2002 && group != 0x3FFE;
    EXPECT_EQ(external_reason(text), global ? "accepted" : "endpoint_internal_host") << text;
  }
}

TEST(Ipv6, OfTheSpecialRangesWithinGlobalUnicastIsRefusedToTheirEdges) {
  for (const std::string_view text :
       {"https://[2001::]", "https://[2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff]",
        "https://[2001:db8::]", "https://[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]",
        "https://[2002::]", "https://[2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff]", "https://[3ffe::]",
        "https://[3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff]", "https://[3fff::]",
        "https://[3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff]"}) {
    EXPECT_EQ(external_reason(text), "endpoint_internal_host") << text;
  }
  for (const std::string_view text :
       {"https://[2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff]", "https://[2001:200::]",
        "https://[2001:db7:ffff:ffff:ffff:ffff:ffff:ffff]", "https://[2001:db9::]",
        "https://[2003::]", "https://[3ffd:ffff:ffff:ffff:ffff:ffff:ffff:ffff]",
        "https://[3fff:1000::]"}) {
    EXPECT_EQ(external_reason(text), "accepted") << text;
  }
}

// ---- the bounds of the whole

TEST(Endpoint, HoldsKMaxEndpointCharactersAndNoMore) {
  const std::string start = "https://a.com/";
  const std::string longest = start + std::string(kMaxEndpoint - start.size(), 'x');
  EXPECT_EQ(external_reason(longest), "accepted");
  EXPECT_EQ(external_reason(longest + "x"), "endpoint_malformed");
  EXPECT_EQ(external_reason(std::string(100 << 20, 'x')), "endpoint_malformed");
  EXPECT_EQ(hosted_reason(std::string(kMaxEndpoint + 1, 'x')), "endpoint_malformed");
}

TEST(Endpoint, IsRefusedWhenOnlyItsCanonicalFormIsTooLong) {
  const std::string start = "https://[2606:1:2:3::5:6:7]/";  // canonical: one character more
  const std::string longest = start + std::string(kMaxEndpoint - start.size(), 'x');
  EXPECT_EQ(external_reason(longest), "endpoint_malformed");
  EXPECT_EQ(external_reason(longest.substr(0, kMaxEndpoint - 1)), "accepted");
}

// Whatever one byte does to a good endpoint, what is still taken is plain and canonical.
TEST(Endpoint, WithAnyOneByteChangedIsRefusedOrCanonical) {
  for (const Good& row : kGood) {
    for (std::size_t position = 0; position < row.text.size(); ++position) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text = row.text;
        text[position] = static_cast<char>(byte);
        const Result<std::string> canonical = canonical_endpoint(text, row.type);
        if (!canonical) continue;
        for (const char c : *canonical) ASSERT_TRUE(c > ' ' && c < '\x7F') << text;
        ASSERT_EQ(canonical->find_first_of("?#\\\"<>^`{|}"), std::string::npos) << text;
        ASSERT_EQ(canonical->starts_with("https://"), row.type == external) << text;
        const Result<std::string> again = canonical_endpoint(*canonical, row.type);
        ASSERT_TRUE(again) << text;
        ASSERT_EQ(*again, *canonical) << text;
      }
    }
  }
}

}  // namespace
}  // namespace openclaw
