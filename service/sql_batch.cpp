#include "service/sql_batch.h"

#include <algorithm>
#include <map>

namespace openclaw::front {
namespace {

constexpr std::uint32_t kTextOid = 25;

void append_integer(std::string& out, std::uint32_t value) {
  const char bytes[] = {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
                        static_cast<char>(value >> 8), static_cast<char>(value)};
  out.append(bytes, sizeof bytes);
}

// The calls whose arguments are sent, one for each row.
std::vector<const SqlArguments*> assign_rows(SqlBatch& batch, std::span<SqlCall* const> calls) {
  std::vector<const SqlArguments*> rows;
  std::map<SqlArguments, std::size_t> known;
  rows.reserve(calls.size());
  batch.waiting.reserve(calls.size());
  for (SqlCall* call : calls) {
    std::size_t row = rows.size();
    if (batch.endpoint->coalescing == Coalescing::share) {
      row = known.try_emplace(call->arguments, row).first->second;
    }
    if (row == rows.size()) rows.push_back(&call->arguments);
    batch.waiting.push_back({call, row});
  }
  return rows;
}

}  // namespace

KeptAnswer::KeptAnswer(const SqlAnswer& answer)
    : outcome_(answer.outcome),
      status_(answer.status),
      headers_(answer.headers),
      body_(answer.body),
      source_(answer.source) {}

SqlAnswer KeptAnswer::answer() const { return {outcome_, status_, headers_, body_, source_}; }

SqlBatch make_batch(std::span<SqlCall* const> calls) {
  SqlBatch batch;
  batch.endpoint = calls.front()->endpoint;
  const std::vector<const SqlArguments*> rows = assign_rows(batch, calls);
  batch.rows = rows.size();
  const std::size_t columns = arguments(*batch.endpoint).size();
  batch.arrays.resize(columns);
  SqlArguments column(rows.size());
  for (std::size_t i = 0; i < columns; ++i) {
    for (std::size_t row = 0; row < rows.size(); ++row) column[row] = rows[row]->at(i);
    const bool valued =
        std::any_of(column.begin(), column.end(), [](const auto& v) { return !!v; });
    if (valued || i == 0) batch.arrays[i] = text_array(column);
  }
  return batch;
}

std::string text_array(std::span<const std::optional<std::string_view>> elements) {
  std::size_t size = 20;
  bool nulls = false;
  for (const auto& element : elements) {
    size += 4 + (element ? element->size() : 0);
    nulls = nulls || !element;
  }
  std::string out;
  out.reserve(size);
  for (const std::uint32_t head :
       {1U, nulls ? 1U : 0U, kTextOid, static_cast<std::uint32_t>(elements.size()), 1U}) {
    append_integer(out, head);
  }
  for (const auto& element : elements) {
    append_integer(out, element ? static_cast<std::uint32_t>(element->size()) : ~0U);
    if (element) out.append(*element);
  }
  return out;
}

}  // namespace openclaw::front
