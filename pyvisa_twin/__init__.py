"""The VISA backend that `pyvisa.ResourceManager("@twin")` finds: the instruments of the simulated rig."""

from bench.twin.visa import TwinVisaLibrary

WRAPPER_CLASS = TwinVisaLibrary
