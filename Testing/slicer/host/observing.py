"""VTK observations that end with the Qt object that made them."""

import shiboken6
import vtk


class Observations:
    """What one Qt object observes. A callback for a deleted object is dropped."""

    def __init__(self, owner):
        self._owner = owner
        self._tags = []

    def add(self, subject, events, callback):
        for event in events:
            self._tags.append((subject, subject.AddObserver(event, self._guarded(callback))))

    def add_node(self, subject, events, callback):
        """As add(), for scene events that carry a node: callback(node)."""

        def with_node(caller, event, node):
            if shiboken6.isValid(self._owner):
                callback(node)

        with_node.CallDataType = vtk.VTK_OBJECT
        for event in events:
            self._tags.append((subject, subject.AddObserver(event, with_node)))

    def clear(self):
        for subject, tag in self._tags:
            subject.RemoveObserver(tag)
        self._tags.clear()

    def _guarded(self, callback):
        def call(caller, event):
            if shiboken6.isValid(self._owner):
                callback()

        return call
