// Whether this is a sanitizer build: its allocator holds on to freed memory and
// its shadow counts as resident, so that measurements of memory say nothing.
#pragma once

namespace weir {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WEIR_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WEIR_SANITIZED 1
#endif

#ifdef WEIR_SANITIZED
inline constexpr bool kSanitized = true;
#undef WEIR_SANITIZED
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace weir
