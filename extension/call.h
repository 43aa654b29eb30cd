// One call of a SQL function: its arguments, bounded before they are detoasted, and its result.
// Every member that calls into Postgres does so under guarded().
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "extension/boundary.h"

namespace openclaw::extension {

// The bytes of a varlena. It lives as long as the datum's memory context.
std::string_view text_of(Datum datum);

// A text[] taken apart: a null element has no value. Views into the detoasted array.
using TextArray = std::vector<std::optional<std::string_view>>;
// Raises SQLSTATE 2202E for more than one dimension, 54000 for more than `elements` elements or
// more than `bytes` bytes.
TextArray text_array_of(Datum datum, std::size_t elements, std::size_t bytes, const char* what);

using Views = std::vector<std::string_view>;
// A null element stands as empty text, which is no scope and no name.
Views views_of(const TextArray& array);
Views views_of(const std::vector<std::string>& texts);

// What an argument may have at most.
inline constexpr std::size_t kMaxId = 256;                 // bytes of an id
inline constexpr std::size_t kMaxScopesBytes = 64 * 1024;  // of a text[] of scopes

class Call {
 public:
  explicit Call(FunctionCallInfo fcinfo) : fcinfo_(fcinfo) {}

  bool is_null(int index) const { return fcinfo_->args[index].isnull; }
  Datum datum(int index) const { return fcinfo_->args[index].value; }

  // Nothing for NULL and for a value over `limit` bytes (raw, before it is detoasted): both are
  // refused by whoever asks, in the way that fits it.
  std::optional<std::string_view> text(int index, std::size_t limit) const;
  // Raises 22004 for NULL, 54000 for a value over `limit` bytes. `what` names the argument.
  std::string_view required_text(int index, std::size_t limit, const char* what) const;
  // The elements of an integer[] without nulls. Raises 22004 for NULL, 54000 for more than
  // `elements`.
  std::span<const std::int32_t> required_int_array(int index, std::size_t elements,
                                                   const char* what) const;
  // Raises 22004 for NULL.
  TextArray required_text_array(int index, std::size_t elements, std::size_t bytes,
                                const char* what) const;

  Datum null() {
    fcinfo_->isnull = true;
    return 0;
  }
  static Datum boolean(bool value) { return BoolGetDatum(value); }
  static Datum text(std::string_view value);
  static Datum bytea(ByteView value);
  static Datum text_array(std::span<const std::string_view> values);

  // The descriptor of the composite result. Good until Postgres next looks at a catalog.
  TupleDesc row_type();
  // A row of the function's composite result type.
  Datum row(const Datum* values, const bool* nulls);
  // The tuplestore of a set-returning function (materialize mode), and its row type.
  struct Rows {
    Tuplestorestate* store;
    TupleDesc type;
  };
  Rows rows();

 private:
  FunctionCallInfo fcinfo_;
};

}  // namespace openclaw::extension
