/** What Node 20 and 22 have not yet of the language. */
import "core-js/actual/promise/with-resolvers.js";
import "core-js/actual/map/group-by.js";
import "core-js/actual/object/group-by.js";
import "core-js/actual/iterator/index.js";
import "core-js/actual/array/from-async.js";
import "core-js/actual/set/index.js";
import "core-js/actual/url/parse.js";
import "core-js/actual/async-disposable-stack/index.js";
import "core-js/actual/disposable-stack/index.js";
