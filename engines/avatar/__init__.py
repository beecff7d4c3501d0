"""One photo to an avatar: enrolment, layers, colours, background, storage."""
