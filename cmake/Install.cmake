# SPDX-License-Identifier: Apache-2.0
# `cmake --install BUILD --prefix P` (DESTDIR is honored): program, headers, both libraries, pkg-config and CMake files.
include(CMakePackageConfigHelpers)

if(TARGET fovea)
  install(TARGETS fovea RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  # Completions and manual pages are what the program says of itself, so only a program of this machine can.
  if(NOT CMAKE_CROSSCOMPILING)
    install(CODE [=[
      function(fv_help path)
        execute_process(COMMAND "$<TARGET_FILE:fovea>" help ${ARGN} OUTPUT_FILE "${CMAKE_CURRENT_BINARY_DIR}/help.txt" COMMAND_ERROR_IS_FATAL ANY)
        get_filename_component(dir "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/share/${path}" DIRECTORY)
        file(MAKE_DIRECTORY "${dir}")
        configure_file("${CMAKE_CURRENT_BINARY_DIR}/help.txt" "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/share/${path}" COPYONLY)
      endfunction()
      fv_help(bash-completion/completions/fovea completion bash)
      fv_help(zsh/site-functions/_fovea completion zsh)
      fv_help(fish/vendor_completions.d/fovea.fish completion fish)
      fv_help(man/man1/fovea.1 man)
      foreach(verb train eval predict info data runs zoo doctor)
        fv_help(man/man1/fovea-${verb}.1 man ${verb})
      endforeach()]=])
  endif()
endif()
install(TARGETS fovea_static fovea_shared
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/fovea DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h" PATTERN "*.def")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/NEWS.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(DIRECTORY ${PROJECT_SOURCE_DIR}/zoo DESTINATION ${CMAKE_INSTALL_DATADIR}/fovea)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/examples DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.c")

# The prefix may be another one at installation time, so fovea.pc is written then.
list(TRANSFORM FV_DEPS_NAMES PREPEND "-l" OUTPUT_VARIABLE FV_PC_PRIVATE)
string(REPLACE ";" " " FV_PC_PRIVATE "${FV_PC_PRIVATE} -lpthread -lm -ldl")
foreach(dir LIBDIR INCLUDEDIR)
  if(IS_ABSOLUTE "${CMAKE_INSTALL_${dir}}")
    set(FV_PC_${dir} "${CMAKE_INSTALL_${dir}}")
  else()
    set(FV_PC_${dir} "\${prefix}/${CMAKE_INSTALL_${dir}}")
  endif()
endforeach()
set(FV_PC_IN ${PROJECT_SOURCE_DIR}/cmake/fovea.pc.in)
foreach(name PROJECT_VERSION FV_PC_LIBDIR FV_PC_INCLUDEDIR FV_PC_PRIVATE)
  install(CODE "set(${name} [=[${${name}}]=])")
endforeach()
install(CODE [=[string(REPLACE " " "\\ " FV_PC_PREFIX "${CMAKE_INSTALL_PREFIX}")]=])
install(CODE "configure_file([=[${FV_PC_IN}]=] [=[${PROJECT_BINARY_DIR}/fovea.pc]=] @ONLY)")
install(FILES ${PROJECT_BINARY_DIR}/fovea.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(FV_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/fovea)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/foveaConfig.cmake.in ${PROJECT_BINARY_DIR}/foveaConfig.cmake
                              INSTALL_DESTINATION ${FV_CMAKE_DIR}
                              PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/foveaConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/foveaConfig.cmake ${PROJECT_BINARY_DIR}/foveaConfigVersion.cmake
        DESTINATION ${FV_CMAKE_DIR})
