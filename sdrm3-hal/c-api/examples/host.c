// The headset on a workstation.

#include "headset.h"

int main(void)
{
    return headset();
}
