#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One version everywhere, and recipes that match the tree. Conan and vcpkg are not installed: stand-ins take their calls.

The sources that the Conan recipe exports can be configured on their own, with net. The vcpkg port calls only vcpkg's
functions, and builds this tree.
usage: check_packaging.py ROOT
"""
import json
import re
import shutil
import subprocess
import sys
import tempfile
import types
from pathlib import Path

VCPKG = """
function(vcpkg_check_features)
    set(feature_options -DHANDOFF_BUILD_NET=ON PARENT_SCOPE)
endfunction()
function(vcpkg_cmake_configure)
    message(STATUS "configure ${ARGN}")
endfunction()
function(vcpkg_cmake_config_fixup)
    message(STATUS "fixup ${ARGN}")
endfunction()
foreach(name IN ITEMS vcpkg_cmake_install vcpkg_fixup_pkgconfig vcpkg_install_copyright)
    cmake_language(EVAL CODE "function(${name})\\nendfunction()")
endforeach()
set(PORT handoff)
"""
problems = []


def versions(root):
    """Where a version stands, and which."""
    cmake = (root / "CMakeLists.txt").read_text()
    yield "CMakeLists.txt", re.search(r"^ +VERSION ([0-9.]+)$", cmake, re.M)[1]
    base = (root / "include/handoff/base.h").read_text()
    yield "include/handoff/base.h", ".".join(
        re.search(rf"^#define HO_ABI_{part} (\d+)u", base, re.M)[1] for part in ("MAJOR", "MINOR", "PATCH"))
    cargo = (root / "bindings/rust/Cargo.toml").read_text()
    yield "bindings/rust/Cargo.toml", re.search(r'^version = "(.+)"', cargo, re.M)[1]
    for lock in "bindings/rust/Cargo.lock", "examples/rust_service/Cargo.lock":
        yield lock, re.search(r'name = "handoff"\nversion = "(.+)"', (root / lock).read_text())[1]
    yield "packaging/vcpkg/handoff/vcpkg.json", json.loads(
        (root / "packaging/vcpkg/handoff/vcpkg.json").read_text())["version"]
    changes = (root / "CHANGELOG.md").read_text()
    yield "CHANGELOG.md", re.search(r"^## ([0-9.]+), ", changes, re.M)[1]


def run(what, *command):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        problems.append(f"{what}: {done.stdout}")
    return done.stdout


def copy(_recipe, pattern, src, dst, excludes=()):
    """conan.tools.files.copy, as far as the recipe needs it: * stands for slashes, too."""
    for path in Path(src).glob(pattern.replace("/*", "/**/*")):
        if path.is_file():
            to = Path(dst) / path.relative_to(src)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, to)


def recipe_of(root):
    """The recipe's class, with modules of the names that it imports."""
    names = {"conan": ["ConanFile"], "conan.errors": ["ConanInvalidConfiguration"], "conan.tools": [],
             "conan.tools.build": ["check_min_cppstd"],
             "conan.tools.cmake": ["CMake", "CMakeToolchain", "cmake_layout"], "conan.tools.files": []}
    for name, members in names.items():
        sys.modules[name] = module = types.ModuleType(name)
        for member in members:
            setattr(module, member, type(member, (), {}))
    sys.modules["conan.tools.files"].copy = copy
    sys.modules["conan.tools.files"].load = lambda _recipe, path: Path(path).read_text()
    path = root / "packaging/conan/conanfile.py"
    recipe = {}
    exec(compile(path.read_text(), str(path), "exec"), recipe)
    return recipe["Handoff"]


def check_conan(root, work, version):
    recipe = recipe_of(root)()
    recipe.recipe_folder = str(root / "packaging/conan")
    recipe.export_sources_folder = str(work / "exported")
    recipe.set_version()
    if recipe.version != version:
        problems.append(f"conanfile.py: reads version {recipe.version} and not {version}")
    recipe.export_sources()
    install = (root / "cmake/handoff_install.cmake").read_text()
    for folder in " ".join(re.findall(r"install\(DIRECTORY ([\w/ ]+) DESTINATION", install)).split():
        if not any((work / "exported" / folder).rglob("*.*")):
            problems.append(f"conanfile.py: does not export {folder}, which is installed")
    run("conanfile.py: what it exports does not configure", "cmake", "-S", recipe.export_sources_folder,
        "-B", str(work / "build"), "-G", "Ninja", "-DHANDOFF_BUILD_NET=ON")
    run("conanfile.py: what it exports does not make the ABI's files", "cmake", "--build", str(work / "build"),
        "--target", "handoff_abi_made")


def check_vcpkg(root, work):
    (work / "port.cmake").write_text(f"{VCPKG}\nset(CURRENT_PACKAGES_DIR {work}/packages)\n"
                                     f"include({root}/packaging/vcpkg/handoff/portfile.cmake)\n")
    said = run("portfile.cmake", "cmake", "-P", str(work / "port.cmake"))
    if f"configure SOURCE_PATH;{root};OPTIONS;-DHANDOFF_BUILD_NET=ON" not in said:
        problems.append(f"portfile.cmake: does not build {root} with net: {said}")
    config = re.search(r"fixup CONFIG_PATH;lib/(.*)", said)
    install = (root / "cmake/handoff_install.cmake").read_text()
    if not config or f"set(package_dir ${{CMAKE_INSTALL_LIBDIR}}/{config[1]})" not in install:
        problems.append(f"portfile.cmake: the CMake files are not there: {said}")


def main():
    root = Path(sys.argv[1]).resolve()
    found = dict(versions(root))
    version = found["CMakeLists.txt"]
    problems.extend(f"{where}: has version {other}, CMakeLists.txt has {version}"
                    for where, other in found.items() if other != version)
    with tempfile.TemporaryDirectory() as work:
        check_conan(root, Path(work), version)
        check_vcpkg(root, Path(work))
    for text in problems:
        print(text, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
