"""slicer.testing: ends the application with the status of a test."""

import unittest


def exitSuccess():
    raise SystemExit(0)


def exitFailure(message=""):
    raise SystemExit(message or 1)


def runUnitTest(path, testname):
    result = unittest.TextTestRunner().run(unittest.TestLoader().discover(path, pattern=testname + ".py"))
    if not result.wasSuccessful():
        exitFailure()
