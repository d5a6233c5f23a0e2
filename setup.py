"""What of the tree is in a wheel: the package, and in it the templates, the static files and the
translations."""

from pathlib import Path

from setuptools import find_packages, setup

FILES = ("templates", "static", *(["locale"] if Path("locale").is_dir() else []))

setup(
    packages=[*find_packages(include=["console*"]), *(f"console.{name}" for name in FILES)],
    package_dir={f"console.{name}": name for name in FILES},
    package_data={f"console.{name}": ["**/*"] for name in FILES},
)
