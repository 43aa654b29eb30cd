#include "core/result.h"

namespace openclaw {
namespace {

struct Text {
  std::string_view name;
  std::string_view message;
};

// No default: the compiler names an enumerator that has no case.
constexpr Text text_of(Error error) {
  switch (error) {
    case Error::malformed:
      return {"malformed", "The token is not well formed."};
    case Error::unknown:
      return {"unknown", "No such token exists."};
    case Error::expired:
      return {"expired", "The token has expired."};
    case Error::not_yet_valid:
      return {"not_yet_valid", "The token is not valid yet."};
    case Error::revoked:
      return {"revoked", "The token has been revoked."};
    case Error::insufficient_scope:
      return {"insufficient_scope", "The token does not grant every scope that is required."};
    case Error::unsupported_algorithm:
      return {"unsupported_algorithm",
              "The algorithm is not the key's, or is none of EdDSA, ES256 and RS256."};
    case Error::unknown_key:
      return {"unknown_key", "The token names no published key."};
    case Error::invalid_signature:
      return {"invalid_signature", "The token's signature does not fit."};
    case Error::wrong_type:
      return {"wrong_type", "The token is of another type than the one demanded."};
    case Error::wrong_issuer:
      return {"wrong_issuer", "The token comes from another issuer."};
    case Error::wrong_audience:
      return {"wrong_audience", "The token is meant for another audience."};
    case Error::wrong_user:
      return {"wrong_user", "The token does not speak for the demanded user."};
    case Error::wrong_certificate:
      return {"wrong_certificate",
              "The token is bound to a client certificate that was not shown."};

    case Error::bad_encoding:
      return {"bad_encoding", "The text is not in the strict form of its encoding."};
    case Error::too_long:
      return {"too_long", "The input is longer than is allowed."};

    case Error::invalid_scope:
      return {"invalid_scope",
              "A scope is area:action, each of 1 to 64 characters of a-z, 0-9, '_', '-' and '.', "
              "starting with a letter; a grant may be area:*."};
    case Error::too_many_scopes:
      return {"too_many_scopes", "At most 64 scopes are allowed."};

    case Error::endpoint_malformed:
      return {"endpoint_malformed",
              "The endpoint is empty, too long, has white space or control characters, or a port "
              "that is not a plain number from 1 to 65535."};
    case Error::endpoint_not_https:
      return {"endpoint_not_https", "An external endpoint starts with https://."};
    case Error::endpoint_has_userinfo:
      return {"endpoint_has_userinfo", "An endpoint holds no user name or password."};
    case Error::endpoint_has_fragment:
      return {"endpoint_has_fragment", "An endpoint has no #fragment."};
    case Error::endpoint_has_query:
      return {"endpoint_has_query", "An endpoint has no ?query."};
    case Error::endpoint_bad_host:
      return {"endpoint_bad_host", "The endpoint's host is no DNS name and no plain IP address."};
    case Error::endpoint_internal_host:
      return {"endpoint_internal_host",
              "The endpoint's host is not a public one: a loopback, private or otherwise reserved "
              "address, or a name that is only known inside."};
    case Error::endpoint_ambiguous_host:
      return {"endpoint_ambiguous_host",
              "The endpoint's host can be read in more than one way; write a plain ASCII name with "
              "no trailing dot and no xn-- label, or a dotted-quad or bracketed IP address."};
    case Error::endpoint_ambiguous_path:
      return {
          "endpoint_ambiguous_path",
          "The endpoint's path can be read in more than one way; write it with no dot segments, "
          "empty segments, backslashes, or escapes of '/', '\\', '%' and control characters."};
    case Error::endpoint_not_service_name:
      return {"endpoint_not_service_name",
              "A hosted endpoint is a Kubernetes service name and a port: service:port, "
              "service.namespace:port or service.namespace.svc.cluster.local:port."};

    case Error::invalid_fingerprint:
      return {"invalid_fingerprint",
              "A fingerprint is sha256/BASE64 or sha256:HEX of the public key's SHA-256, or a PEM "
              "certificate or public key."};
    case Error::invalid_certificate:
      return {"invalid_certificate", "The input is no certificate and no public key, PEM or DER."};

    case Error::unsupported_key:
      return {"unsupported_key",
              "The key is none of Ed25519 (EdDSA), P-256 (ES256) and RSA (RS256)."};
    case Error::invalid_key:
      return {"invalid_key", "The key is weak, not valid for its algorithm, or not a public one."};
    case Error::not_for_signatures:
      return {"not_for_signatures", "The key's use or key_ops keep it from verifying signatures."};
    case Error::duplicate_kid:
      return {"duplicate_kid", "Two keys of one set share a kid."};
    case Error::invalid_master_key:
      return {"invalid_master_key", "The text is not a master key."};
    case Error::wrong_master_key:
      return {"wrong_master_key",
              "The sealed key was sealed under another master key, or was altered."};

    case Error::invalid_password:
      return {"invalid_password", "A password has 1 to 1024 bytes."};
    case Error::invalid_password_cost:
      return {"invalid_password_cost",
              "The password cost is 8192 to 1048576 KiB of memory and 1 to 16 iterations."};
  }
  return {};
}

}  // namespace

std::string_view name(Error error) { return text_of(error).name; }

std::string_view message(Error error) { return text_of(error).message; }

}  // namespace openclaw
