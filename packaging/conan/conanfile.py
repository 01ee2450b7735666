# SPDX-License-Identifier: MIT
"""Recipe for Conan 2: packs the source tree that it lies in."""
import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load

ROOT = os.path.join("..", "..")


class Handoff(ConanFile):
    name = "handoff"
    description = "Zero-copy handoff of network bytes from a C++ server to C services and back"
    license = "MIT"
    topics = ("zero-copy", "lock-free", "network", "abi")
    settings = "os", "arch", "compiler", "build_type"
    options = {"net": [True, False]}
    default_options = {"net": False}

    def set_version(self):
        text = load(self, os.path.join(self.recipe_folder, ROOT, "CMakeLists.txt"))
        self.version = re.search(r"^ +VERSION ([0-9.]+)$", text, re.M)[1]

    def export_sources(self):
        root = os.path.join(self.recipe_folder, ROOT)
        for pattern in ("CMakeLists.txt", "LICENSE", "*.md", "cmake/*", "cpp_shim/*", "docs/*",
                        "examples/*", "bindings/*", "include/*", "src/*", "tools/abi/*", "tools/reference/*"):
            copy(self, pattern, root, self.export_sources_folder, excludes=("build/*", ".git/*", "bindings/rust/target/*"))

    def layout(self):
        cmake_layout(self)

    def requirements(self):
        if self.options.net:
            self.requires("asio/[>=1.24 <2]")

    def validate(self):
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration("handoff runs on Linux alone")
        if self.options.net:
            check_min_cppstd(self, 17)

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["HANDOFF_BUILD_NET"] = bool(self.options.net)
        if self.options.net:
            asio = self.dependencies["asio"].cpp_info
            toolchain.cache_variables["HANDOFF_ASIO_INCLUDE_DIR"] = asio.includedirs[0]
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        CMake(self).install()

    def package_info(self):
        # find_package takes the package's own file, which has all targets, shared and static.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = [os.path.join("lib", "cmake", "handoff")]
        self.cpp_info.libs = (["handoff-net"] if self.options.net else []) + ["handoff"]
        self.cpp_info.system_libs = ["pthread"]
