// Many requests of one of the front's endpoints in one call: a text[] for each parameter in, one
// openclaw.http_answer for each request out, in their order.
//
// The first array has an element for each request; any other may be null as a whole, which is null
// for every request.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "extension/call.h"

namespace openclaw::extension {

using Argument = std::optional<std::string_view>;

class FrontBatch {
 public:
  // Raises 54000 for more than 1024 requests or 16 MiB of one parameter, 2202E for arrays that do
  // not fit together.
  FrontBatch(FunctionCallInfo fcinfo, std::size_t parameters);

  std::size_t size() const { return columns_.front().size(); }
  Argument argument(std::size_t request, std::size_t parameter) const;
  std::vector<Argument> arguments(std::size_t request) const;

  // The answer to the next request.
  void put(int status, Argument headers, Argument body);
  void put_json(int status, std::string_view body);
  // The same, of a row of openclaw.http_answer.
  void put(Datum http_answer);

 private:
  Call call_;
  Call::Rows rows_;
  std::vector<TextArray> columns_;
};

// By what a caller who has proven himself is known again within a statement: the SHA-256 of all
// that he brought, so that comparing it tells a neighbour nothing.
Digest digest_of(std::span<const Argument> credentials);

// Calls openclaw.NAME, whose parameters are all of type text. Having EXECUTE on the function that
// calls is enough; what NAME may touch is its own affair (SECURITY DEFINER). Never null.
Datum call_openclaw(const char* name, std::span<const Argument> arguments);

// One attribute of a composite datum, or nothing when it is null.
std::optional<Datum> attribute(Datum row, int number);

}  // namespace openclaw::extension
