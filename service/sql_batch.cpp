#include "service/sql_batch.h"

#include <map>

namespace openclaw::front {
namespace {

// The calls whose arguments are sent, one for each row.
std::vector<const SqlArguments*> assign_rows(SqlBatch& batch, std::span<SqlCall* const> calls) {
  std::vector<const SqlArguments*> rows;
  std::map<SqlArguments, std::size_t> known;
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

SqlBatch make_batch(std::span<SqlCall* const> calls) {
  SqlBatch batch;
  batch.endpoint = calls.front()->endpoint;
  const std::vector<const SqlArguments*> rows = assign_rows(batch, calls);
  batch.rows = rows.size();
  std::vector<const std::optional<std::string>*> column(rows.size());
  for (std::size_t i = 0; i < arguments(*batch.endpoint).size(); ++i) {
    for (std::size_t row = 0; row < rows.size(); ++row) column[row] = &rows[row]->at(i);
    batch.arrays.push_back(text_array(column));
  }
  return batch;
}

std::string text_array(std::span<const std::optional<std::string>* const> elements) {
  std::string out = "{";
  for (const auto* element : elements) {
    if (out.size() > 1) out.push_back(',');
    if (!*element) {
      out += "NULL";
      continue;
    }
    out.push_back('"');
    for (char c : **element) {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
    out.push_back('"');
  }
  out.push_back('}');
  return out;
}

}  // namespace openclaw::front
