/* How a compiled kernel file describes itself; the stand-in of NVRTC adds the table of its kernels at the end of the text. */
#pragma once

namespace emulated {
template <typename T> struct is_pointer {
  static constexpr bool value = false;
};
template <typename T> struct is_pointer<T *> {
  static constexpr bool value = true;
};
template <unsigned... values> struct numbers {};
template <unsigned count, unsigned... rest> struct count_up : count_up<count - 1, count - 1, rest...> {};
template <unsigned... rest> struct count_up<0, rest...> {
  typedef numbers<rest...> type;
};
template <typename T> struct plain {
  typedef T type;
};
template <typename T> struct plain<const T> {
  typedef T type;
};

template <auto function> struct invoker;
template <typename... Parameters, void (*function)(Parameters...)> struct invoker<function> {
  static constexpr int count = sizeof...(Parameters);
  static constexpr emulated_parameter parameters[sizeof...(Parameters) + 1] = {
      {unsigned(sizeof(Parameters)), is_pointer<typename plain<Parameters>::type>::value}..., {0, false}};
  static void invoke(void *const *values) { unpack(values, typename count_up<sizeof...(Parameters)>::type()); }
  template <unsigned... position> static void unpack(void *const *values, numbers<position...>) {
    function(*static_cast<typename plain<Parameters>::type *>(values[position])...);
  }
};

template <auto function> constexpr emulated_kernel describe(const char *name, int max_threads) {
  return {name, invoker<function>::invoke, max_threads, invoker<function>::count, invoker<function>::parameters};
}
constexpr int launch_bound(int max_threads = 0, int = 0, int = 0) { return max_threads; }
} // namespace emulated

/* The dynamic array, which kernels call `shared`. The static ones are all there is in .bss. */
extern unsigned char emulated_dynamic_shared[] __asm__("shared") __attribute__((visibility("hidden")));
__asm__(".pushsection .dynamic_shared,\"aw\",%nobits\n"
        ".balign 4096\n"
        ".globl shared\n.hidden shared\n"
        "shared: .zero 262144\n"
        ".popsection\n");
