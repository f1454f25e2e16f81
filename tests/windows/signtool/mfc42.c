/* MFC42.dll, of which signtool takes `operator new` and `operator delete`, by number: its 32-bit form has other numbers. */
#include <stdlib.h>

void *operator_new(size_t size) { return malloc(size ? size : 1); }
void operator_delete(void *block) { free(block); }
