#include "extension/call.h"

namespace openclaw::extension {
namespace {

bool is_plain(const struct varlena* value) {
  // Not VARATT_IS_SHORT: that is true of a pointer to a value out of line as well.
  return !VARATT_IS_COMPRESSED(value) && !VARATT_IS_EXTERNAL(value);
}

std::size_t raw_size(Datum datum) {
  const auto* value = reinterpret_cast<const struct varlena*>(DatumGetPointer(datum));
  if (is_plain(value)) return VARSIZE_ANY_EXHDR(value);
  return guarded([&] { return toast_raw_datum_size(datum); }) - VARHDRSZ;
}

struct varlena* detoasted(Datum datum) {
  auto* value = reinterpret_cast<struct varlena*>(DatumGetPointer(datum));
  if (is_plain(value)) return value;
  return guarded([&] { return PG_DETOAST_DATUM_PACKED(datum); });
}

// The descriptor of a function's result in Postgres' own cache; null where that is a record. Runs
// inside guarded().
TupleDesc named_row_type(FmgrInfo* function) {
  const Oid type = get_fn_expr_rettype(function);
  if (!OidIsValid(type) || type == RECORDOID) return nullptr;
  return lookup_type_cache(type, TYPECACHE_TUPDESC)->tupDesc;
}

}  // namespace

std::string_view text_of(Datum datum) {
  struct varlena* value = detoasted(datum);
  return {VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
}

TextArray text_array_of(Datum datum, std::size_t elements, std::size_t bytes, const char* what) {
  if (raw_size(datum) > bytes) {
    throw SqlError{ERRCODE_PROGRAM_LIMIT_EXCEEDED, std::string(what) + " is too large",
                   "At most " + std::to_string(bytes) + " bytes are read."};
  }
  struct Parts {
    Datum* values;
    bool* nulls;
    int count;
    int dimensions;
  };
  Parts parts = guarded([&] {
    ArrayType* array = DatumGetArrayTypeP(datum);
    Parts p{nullptr, nullptr, 0, ARR_NDIM(array)};
    if (p.dimensions == 1) {
      deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &p.values, &p.nulls, &p.count);
    }
    return p;
  });
  if (parts.dimensions > 1) {
    throw SqlError{ERRCODE_ARRAY_SUBSCRIPT_ERROR, std::string(what) + " must have one dimension"};
  }
  if (static_cast<std::size_t>(parts.count) > elements) {
    throw SqlError{ERRCODE_PROGRAM_LIMIT_EXCEEDED, std::string(what) + " has too many elements",
                   "At most " + std::to_string(elements) + " are taken in one call."};
  }
  TextArray array(static_cast<std::size_t>(parts.count));
  for (int i = 0; i < parts.count; i++) {
    if (!parts.nulls[i]) array[static_cast<std::size_t>(i)] = text_of(parts.values[i]);
  }
  return array;
}

Views views_of(const TextArray& array) {
  Views views;
  views.reserve(array.size());
  for (const auto& element : array) views.push_back(element.value_or(std::string_view{}));
  return views;
}

Views views_of(const std::vector<std::string>& texts) { return {texts.begin(), texts.end()}; }

std::optional<std::string_view> Call::text(int index, std::size_t limit) const {
  if (is_null(index) || raw_size(datum(index)) > limit) return std::nullopt;
  return text_of(datum(index));
}

std::string_view Call::required_text(int index, std::size_t limit, const char* what) const {
  if (is_null(index)) {
    throw SqlError{ERRCODE_NULL_VALUE_NOT_ALLOWED, std::string(what) + " must not be null"};
  }
  auto value = text(index, limit);
  if (!value) {
    throw SqlError{ERRCODE_PROGRAM_LIMIT_EXCEEDED, std::string(what) + " is too long",
                   "At most " + std::to_string(limit) + " bytes are read."};
  }
  return *value;
}

std::span<const std::int32_t> Call::required_int_array(int index, std::size_t elements,
                                                       const char* what) const {
  if (is_null(index)) {
    throw SqlError{ERRCODE_NULL_VALUE_NOT_ALLOWED, std::string(what) + " must not be null"};
  }
  if (raw_size(datum(index)) > elements * sizeof(std::int32_t) + 1024) {
    throw SqlError{ERRCODE_PROGRAM_LIMIT_EXCEEDED, std::string(what) + " has too many elements"};
  }
  ArrayType* array = guarded([&] { return DatumGetArrayTypeP(datum(index)); });
  if (ARR_NDIM(array) > 1 || ARR_HASNULL(array)) {
    throw SqlError{ERRCODE_ARRAY_SUBSCRIPT_ERROR,
                   std::string(what) + " must have one dimension and no null"};
  }
  const int count = ARR_NDIM(array) == 0 ? 0 : ARR_DIMS(array)[0];
  return {reinterpret_cast<const std::int32_t*>(ARR_DATA_PTR(array)),
          static_cast<std::size_t>(count)};
}

TextArray Call::required_text_array(int index, std::size_t elements, std::size_t bytes,
                                    const char* what) const {
  if (is_null(index)) {
    throw SqlError{ERRCODE_NULL_VALUE_NOT_ALLOWED, std::string(what) + " must not be null"};
  }
  return text_array_of(datum(index), elements, bytes, what);
}

Datum Call::text(std::string_view value) {
  return guarded([&] {
    return PointerGetDatum(cstring_to_text_with_len(value.data(), static_cast<int>(value.size())));
  });
}

Datum Call::bytea(ByteView value) { return text(as_text(value)); }

Datum Call::text_array(std::span<const std::string_view> values) {
  return guarded([&] {
    auto* items = static_cast<Datum*>(palloc(sizeof(Datum) * (values.size() + 1)));
    for (std::size_t i = 0; i < values.size(); i++) {
      items[i] = PointerGetDatum(
          cstring_to_text_with_len(values[i].data(), static_cast<int>(values[i].size())));
    }
    return PointerGetDatum(
        construct_array(items, static_cast<int>(values.size()), TEXTOID, -1, false, TYPALIGN_INT));
  });
}

TupleDesc Call::row_type() {
  auto* cached = static_cast<TupleDesc>(fcinfo_->flinfo->fn_extra);
  if (cached != nullptr) return cached;
  return guarded([&] {
    // Not kept: the cache may drop it. To look again is a tenth of what is below.
    if (const TupleDesc named = named_row_type(fcinfo_->flinfo); named != nullptr) return named;
    // The OUT parameters. The descriptor is new, and ours.
    MemoryContext before = MemoryContextSwitchTo(fcinfo_->flinfo->fn_mcxt);
    TupleDesc found = nullptr;
    if (get_call_result_type(fcinfo_, nullptr, &found) != TYPEFUNC_COMPOSITE) {
      ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                      errmsg("openclaw: a row is returned where none can be accepted")));
    }
    TupleDesc kept = BlessTupleDesc(found);
    MemoryContextSwitchTo(before);
    fcinfo_->flinfo->fn_extra = kept;
    return kept;
  });
}

Datum Call::row(const Datum* values, const bool* nulls) {
  TupleDesc type = row_type();
  return guarded([&] {
    return HeapTupleGetDatum(
        heap_form_tuple(type, const_cast<Datum*>(values), const_cast<bool*>(nulls)));
  });
}

Call::Rows Call::rows() {
  auto* info = reinterpret_cast<ReturnSetInfo*>(fcinfo_->resultinfo);
  if (info == nullptr || !IsA(info, ReturnSetInfo) ||
      (info->allowedModes & SFRM_Materialize) == 0) {
    throw SqlError{ERRCODE_FEATURE_NOT_SUPPORTED,
                   "openclaw: a set is returned where none can be accepted"};
  }
  return guarded([&] {
    MemoryContext before = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
    TupleDesc type = nullptr;
    if (get_call_result_type(fcinfo_, nullptr, &type) != TYPEFUNC_COMPOSITE) {
      ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                      errmsg("openclaw: rows are returned where none can be accepted")));
    }
    bool random = (info->allowedModes & SFRM_Materialize_Random) != 0;
    Rows result{tuplestore_begin_heap(random, false, work_mem), type};
    info->returnMode = SFRM_Materialize;
    info->setResult = result.store;
    info->setDesc = result.type;
    MemoryContextSwitchTo(before);
    return result;
  });
}

}  // namespace openclaw::extension
