"""Small stacks of real processes."""

import pytest
from running_small_stack import SmallStack


@pytest.fixture
def small(tmp_path):
    stacks = []

    def start(*specs, at=tmp_path):
        stacks.append(SmallStack(at, *specs))
        return stacks[-1]

    yield start
    for stack in stacks:
        stack.close()
