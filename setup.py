"""What of the tree is in a wheel: the package, and in it the templates and static files."""

from setuptools import find_packages, setup

FILES = ("templates", "static")

setup(
    packages=[*find_packages(include=["console*"]), *(f"console.{name}" for name in FILES)],
    package_dir={f"console.{name}": name for name in FILES},
    package_data={f"console.{name}": ["**/*"] for name in FILES},
)
