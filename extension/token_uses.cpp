#include "extension/token_uses.h"

#include <functional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "extension/call.h"

namespace openclaw::extension {
namespace {

// Further ones are noted when these are taken.
constexpr std::size_t kMaxNoted = 4096;

struct Hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view id) const { return std::hash<std::string_view>()(id); }
};
using Ids = std::unordered_set<std::string, Hash, std::equal_to<>>;

// Through a plain pointer: no constructor runs when the module is loaded.
Ids* noted = nullptr;

}  // namespace

void note_use_of(Datum token_id) {
  const std::string_view id = text_of(token_id);
  if (noted == nullptr) noted = new Ids();
  if (noted->size() >= kMaxNoted || id.size() > kMaxId || noted->contains(id)) return;
  noted->emplace(id);
}

OPENCLAW_FUNCTION(openclaw_take_used_tokens) {
  static_cast<void>(fcinfo);
  std::vector<std::string_view> ids;
  if (noted != nullptr) ids.assign(noted->begin(), noted->end());
  const Datum taken = Call::text_array(ids);
  delete std::exchange(noted, nullptr);
  return taken;
}

}  // namespace openclaw::extension
