"""Microphones. In: a device's number or name. Out: its live audio. The only package that knows PortAudio.

capture.py    a device as a source that survives its loss
recording.py  an open device, and what it recorded
devices.py    the devices, and the library that finds them
"""

from voxtide.audio.microphone.capture import MicrophoneSource
from voxtide.audio.microphone.devices import InputDevice, list_devices

__all__ = ["InputDevice", "MicrophoneSource", "list_devices"]
