# weir_embed(<target> <file>...)
#
# Builds files into a target, for embedded_file("<name>") of tools/weir/embedded.h
# to find by their names without a folder. The assembler reads them (.incbin), so
# that none is too long and no other tool is needed.
function(weir_embed target)
  set(declarations "")
  set(entries "")
  set(number 0)
  foreach(file IN LISTS ARGN)
    if(NOT EXISTS ${file})
      message(FATAL_ERROR "${file} is missing. Where it lies in node_modules: cd ${CMAKE_SOURCE_DIR}/web && npm ci")
    endif()
    get_filename_component(name ${file} NAME)
    set(symbol weir_embedded_${number})
    math(EXPR number "${number} + 1")
    string(APPEND declarations
      "__asm__(\".pushsection .rodata\\n\"\n"
      "        \".hidden ${symbol}\\n.global ${symbol}\\n${symbol}:\\n.incbin \\\"${file}\\\"\\n\"\n"
      "        \".hidden ${symbol}_end\\n.global ${symbol}_end\\n${symbol}_end:\\n.byte 0\\n.popsection\\n\");\n"
      "extern \"C\" const char ${symbol}[], ${symbol}_end[];\n")
    string(APPEND entries "      {\"${name}\", {${symbol}, ${symbol}_end}},\n")
  endforeach()
  set(source ${CMAKE_CURRENT_BINARY_DIR}/embedded_files.cc)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT
"#include \"tools/weir/embedded.h\"
@declarations@
namespace weir::tools {
std::span<const EmbeddedFile> embedded_files() {
  static const EmbeddedFile kFiles[] = {
@entries@  };
  return kFiles;
}
}  // namespace weir::tools
")
  target_sources(${target} PRIVATE ${source})
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS "${ARGN}")
endfunction()
