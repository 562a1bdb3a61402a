"""`python -m simfp.course.record_recipes`, as recordings name it: `simfp.course.authoring.record_recipes`."""

import sys

from simfp.course.authoring.record_recipes import main

if __name__ == "__main__":
    sys.exit(main())
