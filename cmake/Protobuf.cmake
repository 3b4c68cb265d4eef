# SPDX-License-Identifier: Apache-2.0
# Messages of protobuf formats: fv_messages(DIRECTORY NAME) compiles src/DIRECTORY/NAME.proto by protoc-c into the build
# folder and links the result into fv_io. Where protobuf-c or its compiler is missing, DEFINITION stays off.
find_program(PROTOC_C protoc-c)
if(PROTOC_C)
  fv_optional(libprotobuf-c protobuf-c/protobuf-c.h protobuf-c protobuf_c_message_unpack FV_WITH_ONNX)
  if(FV_WITH_ONNX IN_LIST FV_IO_DEFINITIONS)
    list(APPEND FV_IO_DEFINITIONS FV_WITH_CAFFE)
  endif()
else()
  message(STATUS "Without libprotobuf-c: protoc-c (protobuf-c-compiler) is missing")
endif()

function(fv_messages directory name)
  set(proto ${PROJECT_SOURCE_DIR}/src/${directory}/${name}.proto)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/messages)
  file(MAKE_DIRECTORY ${out})
  add_custom_command(OUTPUT ${out}/${name}.pb-c.c ${out}/${name}.pb-c.h
    COMMAND ${PROTOC_C} --proto_path=${PROJECT_SOURCE_DIR}/src/${directory} --c_out=${out} ${proto} DEPENDS ${proto} VERBATIM)
  set_source_files_properties(${out}/${name}.pb-c.c PROPERTIES COMPILE_OPTIONS -w)
  target_sources(fv_io PRIVATE ${out}/${name}.pb-c.c ${out}/${name}.pb-c.h)
  target_include_directories(fv_io PRIVATE ${out})
endfunction()
