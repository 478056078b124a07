"""Machine code made from these very sources, for the processes that fill tables in a rebuild.

A copy of the packages they import, with extension modules that mypyc made of the hottest beside the
sources, in a folder whose name tells the Python and the sources it was made from. So what is there
is of this version, whole, or not used. Nothing else runs it.

modules     which modules are compiled
folders     where the copy is, and what has to be in it
making      makes it; by_mypyc is what the compiling process runs
"""

from projections.compiled.folders import environment, found, usual_cache
from projections.compiled.making import CannotCompile, Made, made

__all__ = ["CannotCompile", "Made", "environment", "found", "made", "usual_cache"]
