#include "extension/settings.h"

#include <cctype>
#include <string>

#include "core/jwt.h"
#include "extension/call.h"

namespace openclaw::extension::settings {
namespace {

char* issuer_value = nullptr;
char* mtls_url_value = nullptr;
char* master_key_file_value = nullptr;
char* request_id_value = nullptr;
char* actor_value = nullptr;
bool retiring_audit_rows_value = false;
int access_token_lifetime_value = 0;
int user_claim_lifetime_value = 0;
int jwks_max_age_value = 0;
int signing_key_lifetime_value = 0;
int refresh_token_lifetime_value = 0;
int refresh_token_grace_value = 0;
int status_list_max_age_value = 0;
int leeway_value = 0;
int argon2_memory_value = 0;
int argon2_iterations_value = 0;
int sign_ins_per_email_value = 0;
int sign_ins_per_source_value = 0;
int audit_retention_value = 0;
int token_retention_value = 0;

bool is_loopback_http(std::string_view url) {
  for (std::string_view origin : {"http://127.0.0.1", "http://localhost", "http://[::1]"}) {
    if (!url.starts_with(origin)) continue;
    std::string_view rest = url.substr(origin.size());
    if (rest.empty() || rest.front() == ':' || rest.front() == '/') return true;
  }
  return false;
}

// RFC 8414 2: an https URL without query or fragment. http is let through for loopback alone, where
// a demonstration or a test runs.
bool is_issuer(std::string_view url) {
  if (url.size() > 512) return false;
  for (char c : url) {
    if (c <= ' ' || c > '~' || c == '?' || c == '#' || c == '@' || c == '"' || c == '\\')
      return false;
  }
  return (url.starts_with("https://") && url.size() > 8 && url[8] != '/') || is_loopback_http(url);
}

bool check_issuer(char** value, void**, GucSource) {
  if (*value == nullptr || **value == '\0' || is_issuer(*value)) return true;
  GUC_check_errdetail(
      "The issuer is an https URL without query or fragment (RFC 8414 2); http is for loopback.");
  return false;
}

bool check_master_key_file(char** value, void**, GucSource) {
  if (*value == nullptr || **value == '\0' || **value == '/') return true;
  GUC_check_errdetail("Give an absolute path.");
  return false;
}

bool check_request_id(char** value, void**, GucSource) {
  if (*value == nullptr) return true;
  std::string_view id(*value);
  bool good = id.size() <= 64;
  for (char c : id) {
    good =
        good && (std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-');
  }
  if (!good) GUC_check_errdetail("At most 64 characters out of A-Z a-z 0-9 . _ - are taken.");
  return good;
}

bool check_actor(char** value, void**, GucSource) {
  if (*value == nullptr) return true;
  std::string_view actor(*value);
  bool good = actor.size() <= 256;
  for (char c : actor) good = good && static_cast<unsigned char>(c) >= ' ' && c != '\x7f';
  if (!good) GUC_check_errdetail("At most 256 bytes without control characters are taken.");
  return good;
}

void define_seconds(const char* name, const char* what, int* value, int initial, int least,
                    int most) {
  DefineCustomIntVariable(name, what, nullptr, value, initial, least, most, PGC_SUSET, GUC_UNIT_S,
                          nullptr, nullptr, nullptr);
}

}  // namespace

void define() {
  DefineCustomStringVariable(
      "openclaw.issuer", "The platform's issuer identifier: iss of every JWT, and the front's URL.",
      nullptr, &issuer_value, "", PGC_SUSET, 0, check_issuer, nullptr, nullptr);
  DefineCustomStringVariable("openclaw.mtls_url",
                             "Where clients reach the front with a TLS certificate; empty: "
                             "tls_client_auth is not offered.",
                             nullptr, &mtls_url_value, "", PGC_SUSET, 0, check_issuer, nullptr,
                             nullptr);
  DefineCustomStringVariable("openclaw.master_key_file",
                             "Absolute path of the file with the master key (mode 0600).", nullptr,
                             &master_key_file_value, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY,
                             check_master_key_file, nullptr, nullptr);
  DefineCustomStringVariable(
      "openclaw.request_id", "The request that audit rows of this transaction belong to.", nullptr,
      &request_id_value, "", PGC_USERSET, 0, check_request_id, nullptr, nullptr);
  DefineCustomStringVariable(
      "openclaw.actor",
      "On whose behalf this transaction acts, as the application says: for audit rows.", nullptr,
      &actor_value, "", PGC_USERSET, 0, check_actor, nullptr, nullptr);
  DefineCustomBoolVariable("openclaw.retiring_audit_rows",
                           "Set by openclaw.maintain() while it deletes audit rows that are past "
                           "openclaw.audit_retention.",
                           nullptr, &retiring_audit_rows_value, false, PGC_SUSET,
                           GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE, nullptr,
                           nullptr, nullptr);
  define_seconds("openclaw.access_token_lifetime", "How long an access token (JWT) is good.",
                 &access_token_lifetime_value, 300, 10, 3600);
  define_seconds("openclaw.user_claim_lifetime", "How long a user claim (JWT) is good.",
                 &user_claim_lifetime_value, 60, 5, 3600);
  define_seconds("openclaw.jwks_max_age",
                 "How long a verifier may keep the JWKS, from the next key that is made on; a new "
                 "key waits as long before it signs.",
                 &jwks_max_age_value, 300, 1, 86400);
  define_seconds("openclaw.signing_key_lifetime",
                 "How long a signing key signs before the next one does; 0: until it is rotated.",
                 &signing_key_lifetime_value, 30 * 86400, 0, 3650 * 86400);
  define_seconds("openclaw.refresh_token_lifetime",
                 "How long a grant gives new tokens to its refresh tokens.",
                 &refresh_token_lifetime_value, 30 * 86400, 60, 3650 * 86400);
  define_seconds(
      "openclaw.refresh_token_grace",
      "How long after its use a refresh token still gets the same successor; a later use "
      "revokes its family.",
      &refresh_token_grace_value, 10, 0, 300);
  define_seconds("openclaw.status_list_max_age",
                 "How long a status list may be kept by whoever does not ask for a newer one, as "
                 "gates do.",
                 &status_list_max_age_value, 5, 1, 300);
  define_seconds("openclaw.leeway", "By how much nbf and iat may lie in the future.", &leeway_value,
                 static_cast<int>(kDefaultLeeway), 0, static_cast<int>(kMaxLeeway));
  // The bounds keep one hash near a second at the most: it cannot be cancelled half-way.
  DefineCustomIntVariable("openclaw.argon2_memory", "Memory of one password hash (Argon2id m).",
                          nullptr, &argon2_memory_value, 19456, 8192, 262144, PGC_SUSET,
                          GUC_UNIT_KB, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("openclaw.argon2_iterations", "Passes of one password hash (Argon2id t).",
                          nullptr, &argon2_iterations_value, 2, 1, 8, PGC_SUSET, 0, nullptr,
                          nullptr, nullptr);
  DefineCustomIntVariable("openclaw.sign_ins_per_email",
                          "Failed sign-ins that one e-mail may have at once; as many come back "
                          "within an hour.",
                          nullptr, &sign_ins_per_email_value, 20, 1, 100000, PGC_SUSET, 0, nullptr,
                          nullptr, nullptr);
  DefineCustomIntVariable("openclaw.sign_ins_per_source",
                          "The same for one source address (of IPv6, one /64 network).", nullptr,
                          &sign_ins_per_source_value, 200, 1, 1000000, PGC_SUSET, 0, nullptr,
                          nullptr, nullptr);
  define_seconds("openclaw.audit_retention",
                 "How long audit rows are kept, in whole months: maintain() drops a month when all "
                 "of it is older.",
                 &audit_retention_value, 400 * 86400, 30 * 86400, 3650 * 86400);
  define_seconds("openclaw.token_retention",
                 "How long an opaque token's row is kept after it expired.", &token_retention_value,
                 30 * 86400, 0, 3650 * 86400);
#if PG_VERSION_NUM >= 150000
  MarkGUCPrefixReserved("openclaw");
#else
  EmitWarningsOnPlaceholders("openclaw");
#endif
}

std::string_view issuer() {
  if (issuer_value == nullptr || *issuer_value == '\0') {
    throw SqlError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "openclaw.issuer is not set", "",
                   "ALTER SYSTEM SET openclaw.issuer = 'https://…'; SELECT pg_reload_conf();"};
  }
  return issuer_value;
}

std::string_view master_key_file() {
  if (master_key_file_value == nullptr || *master_key_file_value == '\0') {
    throw SqlError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "openclaw.master_key_file is not set",
                   "",
                   "ALTER SYSTEM SET openclaw.master_key_file = '/…'; SELECT pg_reload_conf(); "
                   "then openclaw.create_master_key() makes the file."};
  }
  return master_key_file_value;
}

int access_token_lifetime() { return access_token_lifetime_value; }

int user_claim_lifetime() { return user_claim_lifetime_value; }

int leeway() { return leeway_value; }

int status_list_max_age() { return status_list_max_age_value; }

Argon2Cost argon2_cost() {
  return {static_cast<std::uint32_t>(argon2_memory_value),
          static_cast<std::uint32_t>(argon2_iterations_value)};
}

}  // namespace openclaw::extension::settings

namespace openclaw::extension {

OPENCLAW_FUNCTION(openclaw_setting) {
  std::string setting = "openclaw." + std::string(Call(fcinfo).required_text(0, 64, "name"));
  const char* name = setting.c_str();
  return Call::text(guarded([&] { return GetConfigOptionByName(name, nullptr, false); }));
}

OPENCLAW_FUNCTION(openclaw_require_primary) {
  Call call(fcinfo);
  if (guarded([] { return RecoveryInProgress(); })) {
    throw SqlError{ERRCODE_READ_ONLY_SQL_TRANSACTION, "this is a standby: it only reads", "",
                   "Connect to the primary (libpq: target_session_attrs=read-write)."};
  }
  if (XactReadOnly) {
    throw SqlError{ERRCODE_READ_ONLY_SQL_TRANSACTION, "this transaction is read-only", "",
                   "Begin it with READ WRITE, or look at default_transaction_read_only."};
  }
  return call.null();
}

}  // namespace openclaw::extension
