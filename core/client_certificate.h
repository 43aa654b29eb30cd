// An OAuth client's TLS certificate (RFC 8705), as the proxy that ended TLS passes it on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace openclaw {

struct ClientCertificate {
  std::string thumbprint;  // x5t#S256: base64url of the SHA-256 of the DER (RFC 8705 3.1)
  // What tls_client_auth registers one of (RFC 8705 2.1.2), each `kind:value`:
  //   subject_dn:CN=…,O=…   RFC 4514, as `openssl x509 -noout -subject -nameopt RFC2253` prints it
  //   san_dns:  san_uri:  san_ip:  san_email:
  // In the certificate's order, the DN first. Left out is whatever two readers could take for two
  // names: an empty one, a DN with a NUL or with a value that is no text, an alternative name with
  // anything but visible ASCII, an IP address of neither 4 nor 16 bytes. Names are compared byte
  // for byte; the case of a DNS name is kept as it stands in the certificate.
  std::vector<std::string> subjects;
  std::int64_t not_before = 0;  // NumericDate
  std::int64_t not_after = 0;
};

// From the value of a header: `:BASE64:` of the DER (RFC 9440 2.1; HAProxy
// `:%[ssl_c_der,base64]:`), or percent-encoded PEM (nginx $ssl_client_escaped_cert), or plain PEM,
// its lines folded or not. One certificate, in DER to the byte, and nothing beside it but white
// space at a PEM's end. Error::invalid_certificate, also for a subject that is no valid text of its
// encoding and for alternative names that do not parse or stand there twice; Error::too_long (over
// kMaxCertificate). Judges no chain and no time.
Result<ClientCertificate> parse_client_certificate(std::string_view field);

}  // namespace openclaw
