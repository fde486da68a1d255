// Invariants that stay on in release. A failed check prints the place, the
// expression and a message, and aborts. Never for input: input gets an Error.
#pragma once

namespace weir::internal {
[[noreturn]] void check_failed(const char* file, int line, const char* expression, const char* message);
}  // namespace weir::internal

#define WEIR_CHECK(expression, message)               \
  (__builtin_expect(static_cast<bool>(expression), 1) \
       ? static_cast<void>(0)                         \
       : ::weir::internal::check_failed(__FILE__, __LINE__, #expression, message))

// For hot loops: in debug and sanitizer builds only.
#ifdef NDEBUG
#define WEIR_DCHECK(expression, message) static_cast<void>(sizeof(static_cast<bool>(expression)))
#else
#define WEIR_DCHECK(expression, message) WEIR_CHECK(expression, message)
#endif
