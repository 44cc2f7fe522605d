"""Starts nova-compute with the drivers of this folder among Nova's own; `services` runs it.

It is run under a link whose name is the cloud's bridge: the packet filter's chains that Nova makes
are called after the program, so `down` knows them.
"""

import os
import pathlib
import sys

import nova.virt
from nova.cmd import compute

nova.virt.__path__.append(os.fspath(pathlib.Path(__file__).resolve().parent))
sys.argv[0] = "nova-compute"
compute.main()
