#include "extension/front_batch.h"

#include <string>

#include "core/secret.h"
#include "core/sha256.h"

namespace openclaw::extension {
namespace {

constexpr std::size_t kMaxRequests = 1024;
constexpr std::size_t kMaxBytes = 16 * 1024 * 1024;
constexpr std::size_t kMaxParameters = 24;

constexpr int kAnswerColumns = 3;  // status, headers, body
constexpr std::string_view kJson = "Content-Type: application/json";

}  // namespace

FrontBatch::FrontBatch(FunctionCallInfo fcinfo, std::size_t parameters)
    : call_(fcinfo), rows_(call_.rows()) {
  columns_.reserve(parameters);
  for (std::size_t i = 0; i < parameters; i++) {
    const int index = static_cast<int>(i);
    if (i > 0 && call_.is_null(index)) {
      columns_.emplace_back();
      continue;
    }
    columns_.push_back(call_.required_text_array(index, kMaxRequests, kMaxBytes, "requests"));
    if (columns_.back().size() != size()) {
      throw SqlError{ERRCODE_ARRAY_SUBSCRIPT_ERROR, "requests must have arrays of one length"};
    }
  }
}

Argument FrontBatch::argument(std::size_t request, std::size_t parameter) const {
  const TextArray& column = columns_[parameter];
  return column.empty() ? std::nullopt : column[request];
}

std::vector<Argument> FrontBatch::arguments(std::size_t request) const {
  std::vector<Argument> all;
  all.reserve(columns_.size());
  for (std::size_t i = 0; i < columns_.size(); i++) all.push_back(argument(request, i));
  return all;
}

void FrontBatch::put(int status, Argument headers, Argument body) {
  guarded([&] {
    Datum values[kAnswerColumns] = {Int32GetDatum(status), 0, 0};
    bool nulls[kAnswerColumns] = {false, !headers, !body};
    if (headers) values[1] = Call::text(*headers);
    if (body) values[2] = Call::text(*body);
    tuplestore_putvalues(rows_.store, rows_.type, values, nulls);
  });
}

void FrontBatch::put_json(int status, std::string_view body) { put(status, kJson, body); }

void FrontBatch::put(Datum http_answer) {
  guarded([&] {
    HeapTupleHeader header = DatumGetHeapTupleHeader(http_answer);
    HeapTupleData tuple{};
    tuple.t_len = HeapTupleHeaderGetDatumLength(header);
    tuple.t_data = header;
    Datum values[kAnswerColumns];
    bool nulls[kAnswerColumns];
    heap_deform_tuple(&tuple, rows_.type, values, nulls);
    tuplestore_putvalues(rows_.store, rows_.type, values, nulls);
  });
}

Digest digest_of(std::span<const Argument> credentials) {
  std::string all;
  for (const Argument& credential : credentials) {
    all += credential ? std::to_string(credential->size()) : "-";
    all += ' ';
    all += credential.value_or("");
  }
  const Digest digest = sha256(as_bytes(all));
  wipe(all.data(), all.size());
  return digest;
}

Datum call_openclaw(const char* name, std::span<const Argument> arguments) {
  return guarded([&] {
    Oid types[kMaxParameters];
    const int count = static_cast<int>(arguments.size());
    for (int i = 0; i < count; i++) types[i] = TEXTOID;
    List* qualified = list_make2(makeString(pstrdup("openclaw")), makeString(pstrdup(name)));
    const Oid function = LookupFuncName(qualified, count, types, false);
    FmgrInfo info;
    fmgr_info(function, &info);
    LOCAL_FCINFO(inner, kMaxParameters);
    InitFunctionCallInfoData(*inner, &info, static_cast<short>(count), DEFAULT_COLLATION_OID,
                             nullptr, nullptr);
    for (int i = 0; i < count; i++) {
      const Argument& argument = arguments[static_cast<std::size_t>(i)];
      inner->args[i].isnull = !argument;
      inner->args[i].value = argument ? Call::text(*argument) : Datum{0};
    }
    const Datum result = FunctionCallInvoke(inner);
    if (inner->isnull) elog(ERROR, "openclaw.%s returned null", name);
    return result;
  });
}

std::optional<Datum> attribute(Datum row, int number) {
  bool is_null = false;
  const Datum value = guarded([&] {
    return GetAttributeByNum(DatumGetHeapTupleHeader(row), static_cast<AttrNumber>(number),
                             &is_null);
  });
  if (is_null) return std::nullopt;
  return value;
}

}  // namespace openclaw::extension
