# SPDX-License-Identifier: Apache-2.0
# libfovea, static and shared, from the objects of all floors.
add_library(fovea_static STATIC ${FV_OBJECTS})
set_target_properties(fovea_static PROPERTIES OUTPUT_NAME fovea)
if(FOVEA_SANITIZE)
  target_link_libraries(fovea_static PUBLIC fv_deps)
else()
  target_link_libraries(fovea_static PUBLIC fv_deps_static)
endif()
target_include_directories(fovea_static PUBLIC ${PROJECT_SOURCE_DIR}/include)

add_library(fovea_shared SHARED ${FV_OBJECTS})
set_target_properties(fovea_shared PROPERTIES OUTPUT_NAME fovea VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR} LINKER_LANGUAGE C)
target_link_libraries(fovea_shared PRIVATE fv_deps)
set(FV_VERSION_SCRIPT ${PROJECT_SOURCE_DIR}/cmake/fovea.map)
target_link_options(fovea_shared PRIVATE -Wl,--version-script=${FV_VERSION_SCRIPT})
set_target_properties(fovea_shared PROPERTIES LINK_DEPENDS ${FV_VERSION_SCRIPT})
target_include_directories(fovea_shared PUBLIC ${PROJECT_SOURCE_DIR}/include)
