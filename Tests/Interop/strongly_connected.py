"""Strongly connected components of a directed graph, by Tarjan's algorithm without recursion."""


def strongly_connected(graph):
    """Yields each component of more than one node of `graph` (by node, those it leads to)."""
    index, low, stack, inside = {}, {}, [], set()

    def enter(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        inside.add(node)
        work.append((node, iter(graph.get(node, ()))))

    for root in list(graph):
        work = []
        if root not in index:
            enter(root)
        while work:
            node, following = work[-1]
            after = next(following, None)
            if after is not None:
                if after not in index:
                    enter(after)
                elif after in inside:
                    low[node] = min(low[node], index[after])
                continue
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[node])
            if low[node] == index[node]:
                part = []
                while not part or part[-1] is not node:
                    part.append(stack.pop())
                    inside.discard(part[-1])
                if len(part) > 1:
                    yield part
