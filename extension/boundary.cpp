#include "extension/boundary.h"

#include <new>
#include <string_view>

namespace openclaw::extension {
namespace {

// What is left of an exception once its catch block is gone: plain memory, safe under a longjmp.
struct Report {
  ErrorData* postgres = nullptr;
  int sqlstate = ERRCODE_INTERNAL_ERROR;
  char message[512];
  char detail[512];
  char hint[512];

  // Each call makes one: the first byte of a text says all, 1536 zeros would cost 40 ns.
  Report() { message[0] = detail[0] = hint[0] = '\0'; }
};

// Cut between characters: a broken one would make the text of the error invalid.
void copy(char (&to)[512], std::string_view from) {
  int size = pg_mbcliplen(from.data(), static_cast<int>(from.size()), sizeof to - 1);
  memcpy(to, from.data(), static_cast<std::size_t>(size));
  to[size] = '\0';
}

bool run_catching(FunctionCallInfo fcinfo, detail::Body body, Datum* result,
                  Report* report) noexcept {
  try {
    *result = body(fcinfo);
    return true;
  } catch (const PostgresError& error) {
    report->postgres = error.data;
  } catch (const SqlError& error) {
    report->sqlstate = error.sqlstate;
    copy(report->message, error.message);
    copy(report->detail, error.detail);
    copy(report->hint, error.hint);
  } catch (const std::bad_alloc&) {
    report->sqlstate = ERRCODE_OUT_OF_MEMORY;
    copy(report->message, "openclaw: out of memory");
  } catch (const std::exception& error) {
    // The text comes from a library and could hold input: it stays out of the message.
    copy(report->message, "openclaw: unexpected C++ exception");
    copy(report->hint, "This is a bug in OpenClaw. Please report it with the statement's shape.");
    static_cast<void>(error);
  } catch (...) {
    copy(report->message, "openclaw: unexpected exception of an unknown type");
    copy(report->hint, "This is a bug in OpenClaw. Please report it with the statement's shape.");
  }
  return false;
}

[[noreturn]] void raise(const Report& report) {
  if (report.postgres != nullptr) ReThrowError(report.postgres);
  ereport(ERROR, (errcode(report.sqlstate), errmsg_internal("%s", report.message),
                  report.detail[0] != '\0' ? errdetail_internal("%s", report.detail) : 0,
                  report.hint[0] != '\0' ? errhint("%s", report.hint) : 0));
  pg_unreachable();
}

}  // namespace

namespace detail {

ErrorData* call_catching(void (*call)(void*), void* argument) {
  MemoryContext context = CurrentMemoryContext;
  ErrorData* volatile error = nullptr;
  PG_TRY();
  { call(argument); }
  PG_CATCH();
  {
    MemoryContextSwitchTo(context);
    error = CopyErrorData();
    FlushErrorState();
  }
  PG_END_TRY();
  return error;
}

Datum run(FunctionCallInfo fcinfo, Body body) {
  Datum result = 0;
  Report report;
  if (run_catching(fcinfo, body, &result, &report)) return result;
  raise(report);
}

}  // namespace detail
}  // namespace openclaw::extension
