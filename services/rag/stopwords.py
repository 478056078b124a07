"""Words that say nothing about what a caller wants to know, by ISO 639-1 language."""

from typing import Final

_ENGLISH: Final = """
a about above after again against all also am an and any anyone anything are aren as at
be because been before being below between both but by can cannot could couldn
did didn do does doesn doing don down during each either else ever every few for from further
get give go going gonna got had hadn has hasn have haven having he hello her here hers herself hey
hi him himself his how i if in into is isn it its itself just kindly know let like ll
many may maybe me might mine more most much must my myself no nor not now of off oh ok okay on
once one only or other our ours ourselves out over own perhaps please quite re really
same say see shall she should shouldn so some somebody someone something such sure
tell than thank thanks that the their theirs them themselves then there these they thing things
this those through to too under until up upon us ve very want wanted wanna was wasn we well were
weren what when where whether which while who whom whose why will with won would wouldn
yeah yes you your yours yourself yourselves
""".split()

STOPWORDS: Final = {"en": frozenset(_ENGLISH)}
