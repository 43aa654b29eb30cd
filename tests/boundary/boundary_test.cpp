// SQL functions that fail in every way that C++ and Postgres can, for tests/pgtap/boundary.sql.
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>

#include "extension/boundary.h"

extern "C" {
#include "executor/spi.h"

PG_MODULE_MAGIC;
}

namespace openclaw::extension {
namespace {

int live_objects = 0;

// Stands for every C++ object that owns something: a frame that is left without its destructor
// leaves the count above zero.
class Counted {
 public:
  Counted() { live_objects++; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { live_objects--; }

 private:
  std::string owned_ = std::string(1000, 'x');  // too long for the string's own buffer
};

const char* text_argument(FunctionCallInfo fcinfo, int index) {
  return guarded([&] { return text_to_cstring(DatumGetTextPP(fcinfo->args[index].value)); });
}

[[noreturn]] void fail(std::string_view how) {
  Counted deeper;
  if (how == "runtime_error") throw std::runtime_error("input: s3cr3t");
  if (how == "bad_alloc") throw std::bad_alloc();
  if (how == "int") throw 42;
  if (how == "sql_error") {
    throw SqlError{ERRCODE_INVALID_PARAMETER_VALUE, "a message with 100%s", "a detail", "a hint"};
  }
  if (how == "long_text") {
    std::string text = "x";
    for (int i = 0; i < 100000; i++) text += "é";
    throw SqlError{ERRCODE_INVALID_PARAMETER_VALUE, text, text, text};
  }
  throw SqlError{ERRCODE_SYNTAX_ERROR, "no such failure"};
}

}  // namespace

OPENCLAW_FUNCTION(boundary_live_objects) {
  static_cast<void>(fcinfo);
  return Int32GetDatum(live_objects);
}

// (how): throws it below the function's own frame.
OPENCLAW_FUNCTION(boundary_throw) {
  Counted here;
  fail(text_argument(fcinfo, 0));
}

// (how): throws it inside guarded(), where Postgres's frames stand in between.
OPENCLAW_FUNCTION(boundary_throw_in_guarded) {
  Counted here;
  const char* how = text_argument(fcinfo, 0);
  guarded([&] { fail(how); });
  return Datum{0};
}

// (sqlstate, message, detail, hint): an ordinary error of Postgres.
OPENCLAW_FUNCTION(boundary_raise) {
  Counted here;
  const char* text[4];
  for (int i = 0; i < 4; i++) text[i] = text_argument(fcinfo, i);
  guarded([&] {
    const char* state = text[0];
    ereport(ERROR, (errcode(MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4])),
                    errmsg_internal("%s", text[1]), errdetail_internal("%s", text[2]),
                    errhint("%s", text[3])));
  });
  return Datum{0};
}

// (statement): SQL run by C++, which may call C++ again.
OPENCLAW_FUNCTION(boundary_execute) {
  Counted here;
  const char* statement = text_argument(fcinfo, 0);
  guarded([&] {
    SPI_connect();
    SPI_execute(statement, false, 0);
    SPI_finish();
  });
  return Datum{0};
}

// (message): guarded() in guarded(), the error raised in the inner one.
OPENCLAW_FUNCTION(boundary_nested) {
  Counted here;
  const char* message = text_argument(fcinfo, 0);
  guarded([&] {
    guarded([&] {
      ereport(ERROR, (errcode(ERRCODE_CHECK_VIOLATION), errmsg_internal("%s", message)));
    });
  });
  return Datum{0};
}

// Works until it is interrupted.
OPENCLAW_FUNCTION(boundary_run_until_cancelled) {
  static_cast<void>(fcinfo);
  Counted here;
  for (;;) {
    Counted again;
    guarded([] { CHECK_FOR_INTERRUPTS(); });
  }
}

}  // namespace openclaw::extension
