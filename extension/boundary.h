// Where C++ and Postgres meet. Three rules, kept by this file so that no other has to:
//
//   1. A C++ exception never reaches Postgres. OPENCLAW_FUNCTION catches every one, copies what it
//      says into fixed buffers, leaves the catch, and only then raises.
//   2. A Postgres error (a longjmp) never crosses a frame with a live destructor. Whatever in
//      Postgres can raise is called inside guarded(), whose lambda holds no C++ object with a
//      destructor of its own.
//   3. A Postgres error caught by guarded() keeps its SQLSTATE, detail and hint: it travels as
//      PostgresError and is raised again, whole, at the function's edge. It is never swallowed,
//      since only the abort of the (sub)transaction frees what Postgres holds.
#pragma once

#include <exception>
#include <string>
#include <type_traits>
#include <utility>

#include "core/result.h"
#include "extension/pg.h"

namespace openclaw::extension {

// A Postgres error on its way to the function's edge. Thrown by guarded() alone.
struct PostgresError {
  ErrorData* data;
};

// An error of ours, with the SQLSTATE that callers may rely on. No text in it holds a secret.
struct SqlError {
  int sqlstate;
  std::string message;
  std::string detail = {};
  std::string hint = {};
};

namespace detail {
// Runs call(argument) under PG_TRY; the error, copied into the caller's memory context, or null.
ErrorData* call_catching(void (*call)(void*), void* argument);
using Body = Datum (*)(FunctionCallInfo);
Datum run(FunctionCallInfo fcinfo, Body body);
}  // namespace detail

// Calls into Postgres. The result is trivially copyable (a Datum, a pointer, a plain struct).
template <class F>
auto guarded(F&& call) -> std::invoke_result_t<F&> {
  using R = std::invoke_result_t<F&>;
  struct Frame {
    F* call;
    std::exception_ptr exception;
    std::conditional_t<std::is_void_v<R>, char, R> result;
  } frame{&call, nullptr, {}};
  static_assert(std::is_trivially_destructible_v<decltype(frame.result)>);

  auto thunk = [](void* argument) {
    auto* f = static_cast<Frame*>(argument);
    try {
      if constexpr (std::is_void_v<R>) {
        (*f->call)();
      } else {
        f->result = (*f->call)();
      }
    } catch (...) {
      f->exception = std::current_exception();
    }
  };
  if (ErrorData* error = detail::call_catching(thunk, &frame)) throw PostgresError{error};
  if (frame.exception) std::rethrow_exception(frame.exception);
  if constexpr (!std::is_void_v<R>) return frame.result;
}

}  // namespace openclaw::extension

// Declares a SQL-callable function and opens its body:
//
//   OPENCLAW_FUNCTION(openclaw_scopes_cover) { Call call(fcinfo); … return Call::boolean(…); }
#define OPENCLAW_FUNCTION(name)                                                                  \
  static Datum name##_body(FunctionCallInfo fcinfo);                                             \
  extern "C" {                                                                                   \
  PG_FUNCTION_INFO_V1(name);                                                                     \
  Datum name(PG_FUNCTION_ARGS) { return openclaw::extension::detail::run(fcinfo, name##_body); } \
  }                                                                                              \
  static Datum name##_body(FunctionCallInfo fcinfo)
