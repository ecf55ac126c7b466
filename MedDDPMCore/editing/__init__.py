"""The patient's MRI with a region of it made anew."""
