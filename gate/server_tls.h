// TLS for the gate's own listener: TLS 1.3 alone in mode mtls, 1.2 and up otherwise; certificates
// and CA are read again when their files change, without dropping a connection.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/ssl/context.hpp>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "core/result.h"
#include "gate/config.h"

namespace openclaw::gate {

// A context for new connections. In mode mtls a connection without a certificate of client_ca does
// not come about. In mode platform a certificate is asked for and any is taken, also none: that
// its key is the client's is proven by TLS, and whether it is the one that a token is bound to by
// its thumbprint; no authority is needed for that (RFC 8705 3, 6.2). Throws std::runtime_error with
// a sentence that names the file and what is wrong with it (missing, not PEM, key and certificate
// do not fit, key open to others).
std::shared_ptr<boost::asio::ssl::context> make_server_tls(const Config& config);

// Whether a verified client certificate names an allowed workload: exactly one URI SAN
// spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/NAME (SPIFFE-ID 2; NAME is one segment), or, when DNS names
// are allowed, one of them among its DNS SANs, byte for byte. Never by its common name.
bool is_allowed_workload(X509* certificate, const ClientCertificates& allowed);

// Whether the client certificate of an established connection is good by the CA and the names that
// are in force now: they may have changed since the handshake, and the certificate has an end.
bool has_allowed_certificate(SSL* connection, boost::asio::ssl::context& in_force,
                             const ClientCertificates& allowed);

// SHA-256 of the client certificate of an established connection, as cnf.x5t#S256 has it (RFC 8705
// 3.1): base64url of the digest of the DER. "" without a certificate.
std::string client_certificate_thumbprint(SSL* connection);

}  // namespace openclaw::gate
