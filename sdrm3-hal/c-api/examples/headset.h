// The example programs' common part: a headset's models on two accelerators, under a virtual clock.

#ifndef HEADSET_H
#define HEADSET_H

// Runs the headset for two seconds of virtual time, then makes every kind of bad call, and prints both.
// 0 if all went as it should.
int headset(void);

#endif
