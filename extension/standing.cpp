#include "extension/standing.h"

#include <string>
#include <unordered_map>

namespace openclaw::extension {
namespace {

constexpr std::size_t kMaxKnown = 4096;
constexpr int kMostInProgress = 32;

struct SeenBy {
  TransactionId xmin, xmax;
  uint32 xcnt;
  int32 subxcnt;
  bool in_recovery;
  TransactionId xip[kMostInProgress];
};

struct Known {
  SeenBy seen_by;
  bool no_revoked_jwts;  // the table was seen without a row
  std::unordered_map<std::string, Standing> standings;
};

// Through a plain pointer: no constructor runs when the module is loaded.
Known* known = nullptr;

bool describe(Snapshot snapshot, SeenBy& seen_by) {
  const int32 subxcnt = snapshot->subxcnt;
  // A snapshot that overflowed has a count of subtransactions, and no list of them.
  if (snapshot->snapshot_type != SNAPSHOT_MVCC || snapshot->suboverflowed || subxcnt < 0 ||
      snapshot->xcnt + static_cast<uint32>(subxcnt) > kMostInProgress) {
    return false;
  }
  seen_by.xmin = snapshot->xmin;
  seen_by.xmax = snapshot->xmax;
  seen_by.xcnt = snapshot->xcnt;
  seen_by.subxcnt = subxcnt;
  seen_by.in_recovery = snapshot->takenDuringRecovery;
  memcpy(seen_by.xip, snapshot->xip, snapshot->xcnt * sizeof(TransactionId));
  memcpy(seen_by.xip + snapshot->xcnt, snapshot->subxip,
         static_cast<std::size_t>(subxcnt) * sizeof(TransactionId));
  return true;
}

bool is_same(const SeenBy& a, const SeenBy& b) {
  return a.xmin == b.xmin && a.xmax == b.xmax && a.xcnt == b.xcnt && a.subxcnt == b.subxcnt &&
         a.in_recovery == b.in_recovery &&
         memcmp(a.xip, b.xip, (a.xcnt + static_cast<uint32>(a.subxcnt)) * sizeof(TransactionId)) ==
             0;
}

// What is known under the statement's snapshot; null where that cannot be told from others, and in
// a transaction that writes, which sees more than its snapshot tells.
Known* known_here() {
  if (IsolationUsesXactSnapshot() || !ActiveSnapshotSet() ||
      TransactionIdIsValid(GetTopTransactionIdIfAny())) {
    return nullptr;
  }
  SeenBy now;
  if (!describe(GetActiveSnapshot(), now)) return nullptr;
  if (known == nullptr) known = new Known{};
  if (!is_same(known->seen_by, now) || known->standings.size() >= kMaxKnown) {
    known->standings.clear();
    known->no_revoked_jwts = false;
    known->seen_by = now;
  }
  return known;
}

}  // namespace

Standing standing_of(std::string_view user_id, std::string_view container_id) {
  Known* here = known_here();
  if (here == nullptr) return read_standing(user_id, container_id);
  std::string ids;
  ids.reserve(user_id.size() + 1 + container_id.size());
  ids.append(user_id).append(1, '\0').append(container_id);
  if (const auto found = here->standings.find(ids); found != here->standings.end()) {
    return found->second;
  }
  const Standing standing = read_standing(user_id, container_id);
  here->standings.emplace(std::move(ids), standing);
  return standing;
}

bool is_revoked_jwt(std::string_view container_id, std::string_view jti) {
  Known* here = known_here();
  if (here != nullptr && here->no_revoked_jwts) return false;
  const Revocation found = read_revocation(container_id, jti);
  if (here != nullptr) here->no_revoked_jwts = found == Revocation::no_rows;
  return found == Revocation::revoked;
}

}  // namespace openclaw::extension
